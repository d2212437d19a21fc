"""Results -> what they mean: a table, sentences, a comparison, the prediction beside them."""
