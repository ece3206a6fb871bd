// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "sync"] }

// Tokio's tasks that count under one of its mutexes.
#[path = "../helper.rs"]
mod helper;

use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

const TASKS: usize = 100;
const ROUNDS: usize = 20_000;

async fn all_count(mutex: &Arc<Mutex<u64>>) {
    let mut handles = Vec::with_capacity(TASKS);
    for _ in 0..TASKS {
        let mutex = mutex.clone();
        handles.push(tokio::spawn(async move {
            for _ in 0..ROUNDS {
                *mutex.lock().await += 1;
            }
        }));
    }
    for handle in handles {
        handle.await.unwrap();
    }
}

fn main() {
    let args = helper::args();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    let all = async move {
        let mutex = Arc::new(Mutex::new(0u64));
        all_count(&mutex).await;
        for _ in 0..args.samples {
            let start = Instant::now();
            all_count(&mutex).await;
            helper::sample(helper::ns_since(start) / (TASKS * ROUNDS) as f64);
        }
        let count = *mutex.lock().await;
        helper::check(count);
    };
    runtime.block_on(async { tokio::spawn(all).await.unwrap() });
}
