"""Columns of names scored in bulk: files in, the same with the answers beside each row out."""
