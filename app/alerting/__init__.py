"""Alert rules over stored figures: what they find now, and what they would have found."""
