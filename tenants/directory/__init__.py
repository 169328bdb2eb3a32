"""Address books: the company's, everybody's own, and what phones make of them [ABK, ACC-66…77]."""
