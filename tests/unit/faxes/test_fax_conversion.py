"""Documents into fax pages, and documents that mean harm."""

from __future__ import annotations

import io
import zipfile

import pypdfium2
import pytest
from PIL import Image

from app.web.uploads import detect
from tenants.faxes import convert as converter
from tenants.faxes.jobs import Converted, convert

pytestmark = pytest.mark.anyio
CONTENT_TYPES = ('<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
                 '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
                 '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
                 'wordprocessingml.document.main+xml"/></Types>')
RELATIONS = ('<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
             '<Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
             'officeDocument" Target="word/document.xml"/></Relationships>')
BODY = ('<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        '<w:body><w:p><w:r><w:t>Hello</w:t></w:r></w:p></w:body></w:document>')


def saved(kind: str, size: tuple[int, int] = (600, 800), pages: int = 1, mode: str = "RGB") -> bytes:
    picture, out = Image.new(mode, size, "white"), io.BytesIO()
    extra = {"save_all": True, "append_images": [picture] * (pages - 1)} if pages > 1 else {}
    picture.save(out, kind, **extra)
    return out.getvalue()


def a_pdf(box: str, pages: int = 1, more: str = "") -> bytes:
    """Written by hand: pages of any size."""
    kids = " ".join(f"{n + 3} 0 R" for n in range(pages))
    parts = ["1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj", f"2 0 obj<</Type/Pages/Kids[{kids}]/Count {pages}>>endobj",
             *(f"{n + 3} 0 obj<</Type/Page/Parent 2 0 R/MediaBox[{box}]>>endobj" for n in range(pages))]
    return ("%PDF-1.4\n" + "\n".join(parts) + f"\ntrailer<</Root 1 0 R{more}>>\n%%EOF").encode()


def a_docx(**extra: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in (("[Content_Types].xml", CONTENT_TYPES), ("_rels/.rels", RELATIONS),
                              ("word/document.xml", BODY), *extra.items()):
            packed.writestr(name, content)
    return out.getvalue()


@pytest.mark.req("ACC-D15", "FAX-04")
@pytest.mark.parametrize(("kind", "content", "pages"), [
    ("pdf", saved("PDF", pages=2), 2), ("tif", saved("TIFF", pages=3), 3), ("jpg", saved("JPEG"), 1),
    ("png", saved("PNG", mode="RGBA"), 1)])
async def test_every_kind_becomes_fax_pages_and_a_pdf(kind: str, content: bytes, pages: int) -> None:
    assert detect(content) == kind
    made = await convert("send", kind, content)
    assert (made.error, made.pages) == ("", pages)
    with Image.open(io.BytesIO(made.tiff)) as tiff:
        assert (tiff.size, tiff.mode, tiff.info["compression"], getattr(tiff, "n_frames", 1)) == ((1728, 2292), "1", "group4", pages)
        assert tuple(round(one) for one in tiff.info["dpi"]) == (204, 196)
    book = pypdfium2.PdfDocument(made.pdf)
    assert len(book) == pages
    assert [round(one / 72, 1) for one in book[0].get_size()] == [8.5, 11.7]
    back = await convert("receive", "tif", made.tiff)
    assert (back.error, back.pages) == ("", pages)


@pytest.mark.skipif(converter.office() is None, reason="LibreOffice is not installed")
@pytest.mark.req("ACC-D15")
async def test_a_word_document_becomes_a_page() -> None:
    content = a_docx()
    assert detect(content) == "docx"
    made = await convert("send", "docx", content)
    assert (made.error, made.pages) == ("", 1)


HOSTILE = {
    "a page of a kilometre": ("pdf", a_pdf("0 0 2834645 2834645"), ""),
    "a page like a thread": ("pdf", a_pdf("0 0 14400 1"), "too_large"),
    "no page at all": ("pdf", a_pdf("0 0 0 0", pages=0), None),
    "a thousand pages": ("pdf", a_pdf("0 0 595 842", pages=1000), "too_many_pages"),
    "half a file": ("pdf", saved("PDF")[:200], None),
    "rubbish": ("pdf", b"%PDF-1.7\n" + bytes(range(256)) * 20, None),
    "a bomb of pixels": ("png", saved("PNG", (20_000, 20_000), mode="1"), "too_large"),
    "a broken picture": ("jpg", saved("JPEG")[:300], None),
    "macros": ("docx", a_docx(**{"word/vbaProject.bin": b"x"}), "macros"),
    "a packed bomb": ("docx", a_docx(**{f"word/{n}.xml": bytes(30_000_000) for n in range(8)}), "too_large"),
    "no archive": ("docx", b"PK\x03\x04 word/document.xml", "broken"),
    "old macros": ("doc", b"\xd0\xcf\x11\xe0" + "WordDocument _VBA_PROJECT".encode("utf-16-le"), "macros"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_documents_fail_cleanly(name: str) -> None:
    """"": it is no harm and becomes a page; None: any reason will do."""
    kind, content, error = HOSTILE[name]
    if kind in ("doc", "docx") and converter.office() is None:
        error = "no_office"
    made = await convert("send", kind, content)
    assert made.error == error if error is not None else made.error, made.error
    assert isinstance(made, Converted)
    assert bool(made.tiff) == (made.error == "")


async def test_an_encrypted_pdf_is_named_so() -> None:
    more = ("/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<" + "00" * 32 + ">/U<" + "11" * 32 + ">>>")
    assert (await convert("send", "pdf", a_pdf("0 0 595 842", more=more))).error == "encrypted"
