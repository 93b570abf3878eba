"""The sources of the decks: one a lecture, 50 minutes, questions alone, and clear errors."""

import pytest
import slides_source
import solutions

LECTURES = [file.stem for file in solutions.lectures()]


def written(folder, text):
    file = folder / "small.md"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_lecture_has_a_deck_and_every_deck_a_lecture():
    assert [file.stem for file in slides_source.sources()] == sorted(LECTURES)


@pytest.mark.parametrize("lecture", LECTURES)
def test_a_deck_fits_an_hour_of_fifty_minutes(lecture):
    slides = slides_source.read(slides_source.FOLDER / f"{lecture}.md")
    assert 18 <= len(slides) <= 28
    assert 45 <= sum(slide.minutes for slide in slides) <= 55
    shown = [part.kind for slide in slides for part in slide.parts]
    assert shown[:2] == ["page", "page"] and "exercise" in shown and shown.count("predict") >= 3


@pytest.mark.parametrize("lecture", LECTURES)
def test_a_question_has_its_slide_and_the_answer_follows_on_a_key(lecture):
    slides = slides_source.read(slides_source.FOLDER / f"{lecture}.md")
    for i, slide in enumerate(slides):
        asked = [part for part in slide.parts if part.kind == "predict"]
        if not asked:
            continue
        assert slide.parts == asked and len(asked) == 1, slide.title
        # On the next slide, or behind it if the figure has that one to itself.
        after = slides[i + 1 : i + 3 if len(slides[i + 1].parts) == 1 else i + 2]
        answers = [(each, part) for each in after for part in each.parts if part.kind == "answer"]
        assert [part.value for _, part in answers] == [asked[0].value], slide.title
        assert all(part.later or part is each.parts[0] for each, part in answers)


def test_a_slide_is_read_as_it_is_written(tmp_path):
    text = "## One\nminutes: 1.5\nfigure: fig-a\n* a\n* b\nthen:\n$x$\nnote: Say it.\n\nTwice.\n"
    (slide,) = slides_source.read(written(tmp_path, text))
    assert (slide.title, slide.minutes, slide.note) == ("One", 1.5, "Say it.\n\nTwice.")
    assert slide.parts == [
        slides_source.Part("figure", "fig-a"),
        slides_source.Part("text", "* a\n* b"),
        slides_source.Part("text", "$x$", later=True),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n## One\n", "must begin with a slide, '## Title'; got 'hello'"),
        ("## One\nfigur: a\n", "a line must be one of page, figure, .*; got 'figur: a'"),
        ("## One\nminutes: 0\n", r"minutes must lie in \(0, 10\]; got '0'"),
        ("## One\nminutes: soon\n", r"minutes must lie in \(0, 10\]; got 'soon'"),
        ("## One\nminutes: 1\n", "small.md, 'One': a slide must have a line 'note: …'"),
        ("## One\nnote: a\n", "small.md, 'One': a slide must have a line 'minutes: …'"),
    ],
)
def test_what_is_wrong_with_a_source_is_said(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        slides_source.read(written(tmp_path, text))
