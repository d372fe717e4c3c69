//! A parallel map whose results do not depend on the number of threads.
//!
//! Work is handed out longest first, so that no thread is left with a long piece at the end; results are in the order of the input,
//! and of several errors the first one in that order is reported.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Maps `items` with `f` on the threads of the current pool. `weight` says which items take long; `state` makes what
/// a thread reuses from item to item.
///
/// # Errors
/// The error of the first item in input order that failed.
pub fn map<T: Sync, W: Ord, S, R: Send, E: Send>(
    items: &[T],
    weight: impl Fn(&T) -> W,
    state: impl Fn() -> S + Sync,
    f: impl Fn(&mut S, &T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(weight(&items[index])));
    let next = AtomicUsize::new(0);
    let worker = |_: rayon::BroadcastContext<'_>| {
        let mut state = state();
        let mut done = Vec::new();
        while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((index, f(&mut state, &items[index])));
        }
        done
    };
    let mut results: Vec<Option<Result<R, E>>> = (0..items.len()).map(|_| None).collect();
    for (index, result) in rayon::broadcast(worker).into_iter().flatten() {
        results[index] = Some(result);
    }
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn keeps_input_order_and_reports_the_first_error() {
        let items: Vec<usize> = (0..1000).collect();
        let double = super::map(&items, |&i| i % 7, || (), |(), &i| Ok::<usize, usize>(2 * i));
        assert_eq!(double, Ok((0..1000).map(|i| 2 * i).collect()));
        let failing = super::map(&items, |&i| i, || (), |(), &i| if i % 300 == 299 { Err(i) } else { Ok(i) });
        assert_eq!(failing, Err(299));
    }
}
