"""The tour: the whole product with synthetic studies, left running for a look round."""
