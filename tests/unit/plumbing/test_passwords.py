"""Passwords: only the right one opens, and an unknown account is no quicker to refuse."""

from shared.plumbing.passwords import Passwords


async def test_only_the_right_password_is_accepted() -> None:
    passwords = Passwords()
    stored = await passwords.hash("la clé des champs")
    assert stored.startswith("$argon2id$")
    assert "champs" not in stored
    assert await passwords.verify("la clé des champs", stored)
    assert not await passwords.verify("la clé des chants", stored)


async def test_an_unknown_account_is_refused_whatever_the_password() -> None:
    passwords = Passwords()
    assert not await passwords.verify("nobody", None)
    assert not await passwords.verify("", None)


async def test_a_damaged_hash_accepts_nothing() -> None:
    assert not await Passwords().verify("x", "no hash")


async def test_the_same_password_is_never_stored_twice_alike() -> None:
    passwords = Passwords()
    assert await passwords.hash("x") != await passwords.hash("x")
