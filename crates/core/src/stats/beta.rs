//! The beta function and its incomplete integral, as logarithms.
//!
//! Iₓ(a, b) is the chance that a rate drawn from Beta(a, b) is below x: what the mixtures of
//! [`one_sample`](super::one_sample) need to look at one side of a limit only.

use super::ln;

/// From here on a gamma function is told by Stirling's series to the last digit.
const LARGE: f64 = 10.0;
/// Steps of the continued fraction. It needs about √max(a, b) of them where x is next to the mean, so this
/// serves beyond 10⁹ requests; a sum cut short here is still within the accuracy of a verdict.
const MAX_STEPS: u32 = 100_000;
const TINY: f64 = 1e-300;

/// ln B(a, b) for positive a, b.
///
/// For large b the difference lnΓ(b) − lnΓ(a + b) is taken analytically: each of the two may be 10¹² where
/// their difference is 10, and a float has no digits for that.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a <= b { (a, b) } else { (b, a) };
    let sum = small + large;
    if large < LARGE {
        return libm::lgamma(small) + libm::lgamma(large) - libm::lgamma(sum);
    }
    let difference = small - (large - 0.5) * libm::log1p(small / large) - small * libm::log(sum);
    libm::lgamma(small) + difference + stirling_rest(large) - stirling_rest(sum)
}

/// lnΓ(z) minus (z − ½) ln z − z + ½ ln 2π, for z ≥ [`LARGE`].
fn stirling_rest(z: f64) -> f64 {
    let w = 1.0 / (z * z);
    (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w * (1.0 / 1680.0 - w / 1188.0)))) / z
}

/// (ln Iₓ(a, b), ln(1 − Iₓ(a, b))) for positive a, b.
pub fn ln_incomplete(a: f64, b: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (f64::NEG_INFINITY, 0.0);
    }
    if x >= 1.0 {
        return (0.0, f64::NEG_INFINITY);
    }
    let ln_front = a * libm::log(x) + b * libm::log1p(-x) - ln_beta(a, b);
    // The fraction converges on the near side of the mean; the far side is what is left of 1.
    if x <= (a + 1.0) / (a + b + 2.0) {
        let lower = (ln_front + libm::log(fraction(a, b, x) / a)).min(0.0);
        (lower, ln::one_minus(lower))
    } else {
        let upper = (ln_front + libm::log(fraction(b, a, 1.0 - x) / b)).min(0.0);
        (ln::one_minus(upper), upper)
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = d;
    for step in 1..=MAX_STEPS {
        let m = f64::from(step);
        let twice = a + 2.0 * m;
        let even = m * (b - m) * x / ((twice - 1.0) * twice);
        let odd = -(a + m) * (a + b + m) * x / (twice * (twice + 1.0));
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            value *= c * d;
        }
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() <= 1e-12 * wanted.abs().max(1.0), "{found} instead of {wanted}");
    }

    #[test]
    fn the_beta_function_is_known_where_it_is_a_fraction() {
        close(ln_beta(1.0, 1.0), 0.0);
        close(ln_beta(2.0, 3.0), -libm::log(12.0));
        // B(1, b) = 1/b and B(2, b) = 1/(b (b + 1)), however large b is.
        close(ln_beta(1.0, 1e11), -libm::log(1e11));
        close(ln_beta(1e11, 2.0), -libm::log(1e11) - libm::log(1e11 + 1.0));
    }

    #[test]
    fn both_ways_to_the_beta_function_meet() {
        for a in [0.5, 3.0, 9.5] {
            for b in [LARGE, 10.5, 40.0] {
                close(ln_beta(a, b), libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b));
            }
        }
    }

    #[test]
    fn the_integral_is_known_where_it_is_a_power() {
        for x in [1e-9, 0.05, 0.5, 0.999] {
            close(ln_incomplete(7.0, 1.0, x).0, 7.0 * libm::log(x));
            close(ln_incomplete(1.0, 300.0, x).1, 300.0 * libm::log1p(-x));
        }
        assert_eq!(ln_incomplete(2.0, 3.0, 0.0), (f64::NEG_INFINITY, 0.0));
        assert_eq!(ln_incomplete(2.0, 3.0, 1.0), (0.0, f64::NEG_INFINITY));
    }

    #[test]
    fn a_billion_requests_at_the_limit_still_converge() {
        // At the mean of a narrow bell half of it lies on either side.
        let (lower, upper) = ln_incomplete(1e6, 999e6, 0.001);
        assert!((lower - 0.5_f64.ln()).abs() < 1e-3 && (upper - 0.5_f64.ln()).abs() < 1e-3, "{lower} {upper}");
    }
}
