"""Scopes, roles and what each role may do (DESIGN 8)."""

from enum import StrEnum


class Scope(StrEnum):
    FILES_WRITE = "files:write"
    FILES_READ = "files:read"
    FILES_READ_OWN = "files:read:own"
    FILES_ADMIN = "files:admin"
    ELEMENTS_READ = "elements:read"
    ELEMENTS_WRITE = "elements:write"
    ACCOUNTS_ADMIN = "accounts:admin"
    KEYS_ADMIN = "keys:admin"
    AUDIT_READ = "audit:read"


class Role(StrEnum):
    ADMIN = "ADMIN"
    USER = "USER"
    READONLY = "READONLY"
    AUDITOR = "AUDITOR"
    MODULE = "MODULE"


ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.USER: frozenset({Scope.FILES_WRITE, Scope.FILES_READ_OWN}),
    Role.READONLY: frozenset({Scope.FILES_READ}),
    Role.AUDITOR: frozenset({Scope.FILES_READ, Scope.AUDIT_READ}),
    Role.MODULE: frozenset({Scope.ELEMENTS_READ, Scope.ELEMENTS_WRITE}),
}
