"""Partner-written templates: what they may do, and what happens when they try more."""

import hashlib
import io
from collections.abc import Iterator

import pypdfium2
import pytest
from PIL import Image

from billwright.documents.page import invoice_page
from billwright.documents.render import Renderer
from billwright.kernel.errors import InputInvalidError
from billwright_templates.versions import template_version
from support.invoice_contents import ALDERGATE, content

PAGE = invoice_page(content(1), number="N-1", brand=ALDERGATE)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()


def text_of(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return " ".join(page.get_textpage().get_text_bounded() for page in document)


def refused(renderer: Renderer, template: str) -> str:
    with pytest.raises(InputInvalidError) as caught:
        renderer.render_invoice(PAGE, template_set="classic", template_override=template)
    assert caught.value.facts["field"] == "template"
    return str(caught.value)


def test_a_partner_may_change_a_block_and_keep_the_rest(renderer: Renderer) -> None:
    template = """{% extends "invoice/classic/invoice.html" %}
    {% block close %}<p>Our own terms for {{ buyer.name }}: {{ lines | map(attribute="amount") | join(", ") }}</p>{% endblock %}"""

    text = text_of(renderer.render_invoice(PAGE, template_set="classic", template_override=template))

    assert "Our own terms for Müller & Söhne Anlagenbau GmbH: 12,401.00" in text
    assert "Invoice N-1" in text


def test_an_override_that_changes_nothing_gives_the_same_bytes(renderer: Renderer) -> None:
    """The confined process lays out as this one does."""
    template = '{% extends "invoice/modern/invoice.html" %}'

    confined = renderer.render_invoice(PAGE, template_set="modern", template_override=template)

    assert confined == renderer.render_invoice(PAGE, template_set="modern")


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ brand.__class__.__init__.__globals__ }}",
        "{{ lines.__len__() }}",
        "{{ self.__init__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ ''['__class__'] }}",
        "{{ '{0.__class__}'.format(brand) }}",
        "{{ ['__class__'] | map('attr') | list }}",
        "{{ brand | attr('__class__') }}",
        "{{ number | safe }}",
        "{% import 'os' as os %}{{ os }}",
        "{{ import_module('os') }}",
        "{% include '../../pyproject.toml' %}",
        "{% include '/etc/passwd' %}",
        "{{ no_such_field }}",
        "{{ brand.no_such_field }}",
        "{% for line in lines %}",
        "{{ range(10 ** 9) | list }}",
        "{{ 1 / 0 }}",
        "{{ number.no_such() }}",
        "{% macro m(a) %}{{ m(a + 1) }}{% endmacro %}{{ m(1) }}",
    ],
)
def test_tricks_are_refused_with_a_sentence(renderer: Renderer, template: str) -> None:
    assert refused(renderer, template).startswith("The template ")


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "http://127.0.0.1:1/x.png",
        "https://host.example/x.png",
        "data:text/plain,x",
        "asset:" + "0" * 64,
        "font:../x",
    ],
)
@pytest.mark.parametrize(
    "template",
    [
        '<img src="{}">',
        '<link rel="stylesheet" href="{}">',
        '<link rel="attachment" href="{}">',
        "<style>@import url({});</style>",
        "<style>@font-face{{font-family:x;src:url({})}}</style>",
        "<style>body{{background:url({})}}</style>",
        '<svg viewBox="0 0 1 1" width="1" height="1"><image href="{}" width="1" height="1"/></svg>',
        '<object data="{}"></object>',
    ],
)
def test_nothing_is_loaded_from_outside(renderer: Renderer, template: str, address: str) -> None:
    assert address in refused(renderer, template.format(address))


def test_an_asset_is_loaded_by_its_hash_only(renderer: Renderer) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), (250, 0, 0)).save(stream, "PNG")
    body = stream.getvalue()
    name = hashlib.sha256(body).hexdigest()
    template = f'<style>@page{{margin:0}}</style><img src="asset:{name}" style="width:200mm">'

    pdf = renderer.render_invoice(PAGE, template_set="classic", template_override=template, assets={name: body})

    with pypdfium2.PdfDocument(pdf) as document:
        assert document[0].render(scale=0.2).to_pil().convert("RGB").getpixel((40, 40)) == (250, 0, 0)
    with pytest.raises(InputInvalidError, match="does not have that hash"):
        renderer.render_invoice(PAGE, template_set="classic", template_override=template, assets={"0" * 64: body})


def test_a_template_that_prints_too_much_is_refused(renderer: Renderer) -> None:
    assert "prints more" in refused(
        renderer, "{% for a in range(9999) %}{% for b in range(999) %}abcdef{% endfor %}{% endfor %}"
    )


def test_an_unknown_set_is_refused(renderer: Renderer) -> None:
    with pytest.raises(InputInvalidError, match="choose one of classic, modern"):
        renderer.render_invoice(PAGE, template_set="../x")


def test_the_version_tells_templates_apart() -> None:
    versions = {template_version("classic"), template_version("modern"), template_version("classic", "x")}

    assert len(versions) == 3
    assert all(len(version) == 16 for version in versions)
