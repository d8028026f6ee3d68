from __future__ import annotations

import msgspec
import pytest

from pipelock.tls.receipt import Entry, Receipt, ReceiptError

ONE = Entry(kind="system", place="/anchors", label="Debian", name="pipelock-a-1", sha256="1" * 64)
TWO = msgspec.structs.replace(ONE, kind="nss", place="/db")
OLDER = msgspec.structs.replace(ONE, name="pipelock-a-0", sha256="0" * 64)


def test_what_is_added_is_there_next_time(tmp_path):
    assert Receipt(tmp_path).entries == ()
    Receipt(tmp_path).add(ONE, b"pem")
    Receipt(tmp_path).add(TWO, b"pem")
    Receipt(tmp_path).add(ONE, b"pem")
    again = Receipt(tmp_path)
    assert set(again.entries) == {ONE, TWO}
    assert again.copy(ONE.name).read_bytes() == b"pem"


def test_a_copy_stays_as_long_as_anything_needs_it(tmp_path):
    receipt = Receipt(tmp_path)
    for entry in (ONE, TWO, OLDER):
        receipt.add(entry, b"pem")
    receipt.drop(ONE)
    assert receipt.copy(ONE.name).exists()
    receipt.drop(TWO)
    assert not receipt.copy(ONE.name).exists()
    assert Receipt(tmp_path).entries == (OLDER,)
    receipt.drop(OLDER)
    assert list(tmp_path.iterdir()) == []


def test_what_we_did_not_write_is_an_error(tmp_path):
    (tmp_path / "installed-ca").mkdir()
    (tmp_path / "installed-ca/receipt.json").write_text("{}")
    with pytest.raises(ReceiptError, match=r"receipt\.json can't be used"):
        Receipt(tmp_path)


def test_a_folder_that_others_write_in_is_an_error(tmp_path):
    (tmp_path / "installed-ca").mkdir()
    (tmp_path / "installed-ca").chmod(0o777)
    with pytest.raises(ReceiptError, match="others may write"):
        Receipt(tmp_path).add(ONE, b"pem")
