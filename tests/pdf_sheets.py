"""A PDF as the tests ask it: the words of its sheets, its outline, and where its links lead."""

import ctypes


class Sheets:
    """A PDF as it can be asked: its sheets, outline and links."""

    def __init__(self, data: bytes):
        import pypdfium2
        import pypdfium2.raw as pdfium

        with pypdfium2.PdfDocument(data) as document:
            self.texts, self.links, self.lost, self.pictures = [], [], [], []
            for sheet in document:
                self.pictures.append(sheet.render(scale=0.5).to_pil().convert("L"))
                words = sheet.get_textpage().get_text_range()
                self.texts.append(" ".join(words.replace("\ufffe", "-").split()))
                at, link = ctypes.c_int(0), pdfium.FPDF_LINK()
                while pdfium.FPDFLink_Enumerate(sheet, at, link):
                    self._follow(pdfium, document, link)
            self.outline = [
                (entry.level, entry.get_title(), entry.get_dest().get_index() + 1)
                for entry in document.get_toc(max_depth=8)
            ]

    def _follow(self, pdfium, document, link):
        here = len(self.texts)
        if place := pdfium.FPDFLink_GetDest(document, link):
            to = pdfium.FPDFDest_GetDestPageIndex(document, place) + 1
            (self.links if to else self.lost).append((here, to))
            return
        action = pdfium.FPDFLink_GetAction(link)
        size = pdfium.FPDFAction_GetURIPath(document, action, None, 0) if action else 0
        address = ctypes.create_string_buffer(size)
        if size:
            pdfium.FPDFAction_GetURIPath(document, action, address, size)
        said = address.value.decode()
        (self.links if said.startswith("http") else self.lost).append((here, said))
