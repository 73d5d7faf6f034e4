"""Memory as a projection of the past on polynomials: matrices, discretisations and closed forms, in float64."""
