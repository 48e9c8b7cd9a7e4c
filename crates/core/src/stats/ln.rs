//! Sums and differences of numbers of which only the logarithms are kept.

/// ln(eᵃ + eᵇ). Minus infinity stands for nothing.
pub(super) fn add(a: f64, b: f64) -> f64 {
    let (large, small) = if a >= b { (a, b) } else { (b, a) };
    if small == f64::NEG_INFINITY { large } else { large + libm::log1p(libm::exp(small - large)) }
}

/// ln Σ eˣ.
pub(super) fn sum(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + libm::log(terms.iter().map(|term| libm::exp(term - largest)).sum())
}

/// ln of the mean of eˣ; 0, which is no evidence either way, of nothing.
pub(super) fn mean(terms: &[f64]) -> f64 {
    if terms.is_empty() { 0.0 } else { sum(terms) - libm::log(terms.len() as f64) }
}

/// ln(1 − eˣ) for x ≤ 0, without losing digits at either end (Mächler 2012, "Accurately computing log(1 − exp(−|a|))").
pub(super) fn one_minus(x: f64) -> f64 {
    if x > -std::f64::consts::LN_2 { libm::log(-libm::expm1(x)) } else { libm::log1p(-libm::exp(x)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_added_changes_nothing() {
        assert_eq!(add(f64::NEG_INFINITY, 1.5), 1.5);
        assert_eq!(add(f64::NEG_INFINITY, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(sum(&[]), f64::NEG_INFINITY);
        assert_eq!(mean(&[]), 0.0);
    }

    #[test]
    fn numbers_far_beyond_a_float_can_be_added() {
        assert!((add(5000.0, 5000.0) - 5000.0 - std::f64::consts::LN_2).abs() < 1e-12);
        assert!((sum(&[-9000.0, -9000.0, -9000.0]) + 9000.0 - libm::log(3.0)).abs() < 1e-12);
    }

    #[test]
    fn what_is_left_of_one_is_exact_at_both_ends() {
        assert!((one_minus(-1e-20) - libm::log(1e-20)).abs() < 1e-12);
        assert_eq!(one_minus(-50.0), -libm::exp(-50.0));
        assert_eq!(one_minus(0.0), f64::NEG_INFINITY);
    }
}
