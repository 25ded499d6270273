"""Two models on the same cases: the champion that is in use, and a candidate for its place."""
