"""The texts that the search page looks through."""

import search_texts

PAGE = """<section id="title"><h1>A title<a class="headerlink" href="#title">#</a></h1>
<p>First <em>words</em>.</p>
<p>A formula <span class="math nohighlight">\\(x + 1\\)</span>.</p>
<div class="cell tag_hide-input">
<div class="cell_input">plumbing()</div><div class="cell_output">7</div>
<details class="hide"><summary>Show code</summary></details>
</div>
<section id="inner"><h2>Inner</h2>
<ul><li>one</li><li>暴露偏差</li></ul><script>no()</script></section>
</section>"""


def test_a_section_has_its_own_text_in_lines():
    title, inner = search_texts.sections(PAGE)
    assert (title["anchor"], title["heading"]) == ("title", "A title")
    assert title["text"] == "First words.\nA formula x + 1.\n7"
    assert inner == {"anchor": "inner", "heading": "Inner", "text": "one\n暴露偏差"}


def test_a_page_without_sections_has_no_text():
    assert search_texts.sections("<p>words</p>") == []


def test_code_is_read_without_its_colours_and_formulas_keep_their_marks():
    code = '<div><pre><span></span><span class="n">x</span> <span class="o">=</span> 1\n</pre>'
    term = '<dt class="sig py"><span class="pre">f</span>(x)<a class="headerlink">#</a></dt>'
    formula = '<p><span class="math">\\(y\\)</span></p>'
    page = f'<section id="s"><h1>S</h1>{code}</div><dl>{term}<dd>{formula}</dd></dl></section>'
    assert search_texts.sections(page)[0]["text"] == "x = 1\nf(x)\ny"


def test_each_term_of_a_glossary_is_found_by_itself():
    terms = "".join(
        f'<dt id="{i}">{t}</dt>' for i, t in (("kl", "KL divergence"), ("x", "KL 散度"))
    )
    page = (
        f'<section id="g"><h1>G</h1><dl class="glossary">{terms}<dd><p>One.</p></dd></dl></section>'
    )
    assert search_texts.sections(page) == [
        {"anchor": "kl", "heading": "KL divergence, KL 散度", "text": "One."},
        {"anchor": "g", "heading": "G", "text": ""},
    ]
