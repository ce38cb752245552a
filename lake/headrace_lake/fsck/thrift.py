"""Thrift's compact form, in which Parquet keeps its footer and the heads of its pages.

Read without a description of the types: structs come as dicts from field number to value.
"""

import struct
from typing import Any

STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = range(14)

DEEPEST = 32
"""Structs within structs; Parquet needs six. Damaged bytes could ask for any depth."""


class ThriftReader:
    """Reads values one after the other.

    Every method raises ValueError where the bytes are none of Thrift's.

    Attributes:
        at: How many bytes were read.
    """

    def __init__(self, content: bytes | memoryview, at: int = 0) -> None:
        self.content = content
        self.at = at

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """A struct's fields."""
        if depth > DEEPEST:
            raise ValueError("structs within structs without end")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 0x0F
            number = number + step if step else self._signed()
            # The value of a boolean field is its type.
            fields[number] = kind == TRUE if kind <= FALSE else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (TRUE, FALSE):  # within a list, where each is a byte
            return self._byte() == TRUE
        if kind == BYTE:
            return self._byte()
        if kind in (I16, I32, I64):
            return self._signed()
        if kind == DOUBLE:
            return struct.unpack("<d", self._bytes(8))[0]
        if kind == BINARY:
            return bytes(self._bytes(self._unsigned()))
        if kind in (LIST, SET):
            return self._list(depth)
        if kind == MAP:
            return self._map(depth)
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind == UUID:
            return bytes(self._bytes(16))
        raise ValueError(f"there is no type {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 0x0F
        if count == 0x0F:
            count = self._unsigned()
        self._refuse_beyond(count)
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _map(self, depth: int) -> list[tuple[Any, Any]]:
        count = self._unsigned()
        self._refuse_beyond(count)
        kinds = self._byte() if count else 0
        key, value = kinds >> 4, kinds & 0x0F
        return [(self._value(key, depth + 1), self._value(value, depth + 1)) for _ in range(count)]

    def _refuse_beyond(self, count: int) -> None:
        """Each entry takes a byte at least: damaged bytes must not ask for all memory."""
        if count > len(self.content) - self.at:
            raise ValueError(f"{count} entries are more than there are bytes")

    def _byte(self) -> int:
        if self.at >= len(self.content):
            raise ValueError("it ends in the middle")
        self.at += 1
        return self.content[self.at - 1]

    def _bytes(self, count: int) -> bytes | memoryview:
        self._refuse_beyond(count)
        self.at += count
        return self.content[self.at - count : self.at]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
