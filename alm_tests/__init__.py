"""Tests; folders mirror the packages, plus chain/, chaos/, golden/ and bench/."""
