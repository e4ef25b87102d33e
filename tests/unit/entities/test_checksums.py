import hashlib
from typing import Any

import pytest

from monitoring.entities.checksums import (
    base58_check,
    bech32_check,
    iso7064_mod11_10,
    keccak256,
    luhn,
    mod97,
    segwit_check,
    verhoeff,
)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (luhn, "79927398713", "79927398710"),
        (luhn, "0", "1"),
        (verhoeff, "2363", "2364"),
        (verhoeff, "399876543211", "398976543211"),
        (iso7064_mod11_10, "12345678903", "12345678900"),
        (segwit_check, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
        (segwit_check, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr", "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4"),
        (bech32_check, "A12UEL5L", "A12uEL5L"),
        (base58_check, "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"),
    ],
)  # fmt: skip
def test_the_right_check_passes_and_a_wrong_one_does_not(check: Any, right: str, wrong: str) -> None:
    assert check(right)
    assert not check(wrong)


def test_mod97_leaves_one_for_an_iban() -> None:
    assert mod97("WEST12345698765432GB82") == 1
    assert mod97("WEST12345698765432GB83") != 1


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ],
)
def test_keccak_is_the_original_and_not_sha3(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest
    assert hashlib.sha3_256(data).hexdigest() != digest


def test_keccak_refuses_more_than_a_block() -> None:
    with pytest.raises(ValueError, match="135 bytes"):
        keccak256(bytes(136))
