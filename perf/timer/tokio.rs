// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "time"] }

// Tokio's sleeps: polled once, which arms them, and dropped; and tasks that sleep until random
// instants.
#[path = "../helper.rs"]
mod helper;

use std::time::{Duration, Instant};

const TIMERS: usize = 1_000_000;
const SEED: u64 = 88172645463325252;

async fn hot() {
    for _ in 0..TIMERS {
        let sleep = tokio::time::sleep(Duration::from_secs(10));
        tokio::pin!(sleep);
        std::future::poll_fn(|context| {
            let _ = std::future::Future::poll(sleep.as_mut(), context);
            std::task::Poll::Ready(())
        })
        .await;
    }
}

async fn million(state: &mut u64) {
    let mut all = Vec::with_capacity(TIMERS);
    for _ in 0..TIMERS {
        let delay = Duration::from_nanos(10_000_000_000 + helper::random(state) % 10_000_000_000);
        let mut sleep = Box::pin(tokio::time::sleep(delay));
        std::future::poll_fn(|context| {
            let _ = std::future::Future::poll(sleep.as_mut(), context);
            std::task::Poll::Ready(())
        })
        .await;
        all.push(sleep);
    }
}

async fn late() {
    let base = Instant::now() + Duration::from_secs(4);
    let mut state = SEED;
    let mut handles = Vec::with_capacity(TIMERS);
    for _ in 0..TIMERS {
        let when = base + Duration::from_nanos(helper::random(&mut state) % 2_000_000_000);
        handles.push(tokio::spawn(async move {
            tokio::time::sleep_until(when.into()).await;
            let now = Instant::now();
            assert!(now >= when, "a sleep was short");
            (now - when).as_nanos() as f64 / 1e6
        }));
    }
    let mut all = Vec::with_capacity(TIMERS);
    for handle in handles {
        all.push(handle.await.unwrap());
    }
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    helper::sample(all[TIMERS * 99 / 100]);
}

fn main() {
    let args = helper::args();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .enable_time()
        .build()
        .unwrap();
    let measure = async move {
        let mut state = SEED;
        if args.question == "timer_late" {
            late().await;
            return;
        }
        for sample in 0..=args.samples {
            let start = Instant::now();
            if args.question == "timer_hot" {
                hot().await;
            } else {
                million(&mut state).await;
            }
            if sample > 0 {
                helper::sample(helper::ns_since(start) / TIMERS as f64); // the first warms up
            }
        }
    };
    runtime.block_on(async { tokio::spawn(measure).await.unwrap() });
}
