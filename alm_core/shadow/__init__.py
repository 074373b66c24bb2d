"""Other policies run on paper beside the live one, with the same market, the same costs and the same decision code."""
