"""`make reproduce`: the rows of the thesis' tables trained again, resumably, and reported."""
