"""The Alert and one parser per vendor format: bytes in, Alert out, no side effects."""
