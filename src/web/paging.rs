//! Answers that come page by page.

use super::problem::Problem;

/// The number of items of a page that was asked for, from 1 to `most`.
pub(super) fn limit(asked: i64, most: i64) -> Result<i64, Problem> {
    if (1..=most).contains(&asked) {
        return Ok(asked);
    }
    Err(Problem::malformed(format!("expected limit from 1 to {most}, got {asked}")))
}

/// The last item of a page that is full: where the next page goes on. None behind the last page.
pub(super) fn last_of_full<T>(page: &[T], limit: i64) -> Option<&T> {
    page.last().filter(|_| i64::try_from(page.len()).is_ok_and(|count| count == limit))
}
