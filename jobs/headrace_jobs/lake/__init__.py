"""Files and Delta tables of the lake, as jobs read and write them."""
