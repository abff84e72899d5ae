"""Import paths that scripts written for other releases use. Nothing in this package imports them."""
