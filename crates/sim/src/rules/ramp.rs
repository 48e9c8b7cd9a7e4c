//! The ramp: 5, 20, 50 and 100 %, for one, two, four and eight hours.

/// (share that is on, minutes of soak).
const STAGES: [(f64, u32); 4] = [(0.05, 60), (0.2, 120), (0.5, 240), (1.0, 480)];

/// How long the whole ramp takes.
pub(super) const MINUTES: u32 = 900;
/// When the last minute that still has a control ends.
pub(super) const CONTROL_ENDS: u32 = 420;

/// The share that is on in a minute, counted from 0, and whether a stage begins with it.
pub(super) fn at(minute: u32) -> (f64, bool) {
    let (mut begins, mut share) = (0, 1.0);
    for (of_stage, lasts) in STAGES {
        share = of_stage;
        if minute < begins + lasts {
            break;
        }
        begins += lasts;
    }
    (share, minute == begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_follow_each_other() {
        let begins: Vec<_> = (0..MINUTES).filter(|minute| at(*minute).1).map(|minute| (minute, at(minute).0)).collect();
        assert_eq!(begins, [(0, 0.05), (60, 0.2), (180, 0.5), (CONTROL_ENDS, 1.0)]);
        assert_eq!(at(MINUTES - 1), (1.0, false));
    }
}
