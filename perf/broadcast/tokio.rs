// SPDX-License-Identifier: MIT
// crate: tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "sync"] }

// Tokio's broadcast never waits and lets the slow miss elements. Who wants none to be missed has
// the receivers give permits: here one from each when it has read what fills the ring.
#[path = "../helper.rs"]
mod helper;

use std::sync::Arc;
use tokio::sync::broadcast::{channel, error::RecvError, Receiver};
use tokio::sync::Semaphore;

const ELEMENTS: u64 = 20_000;
const RECEIVERS: u32 = 100;
const CAPACITY: u64 = 128;

async fn receive(mut from: Receiver<u64>, read: Arc<Semaphore>) -> u64 {
    let mut sum = 0;
    loop {
        match from.recv().await {
            Ok(number) => {
                sum += number;
                if number % CAPACITY == 0 {
                    read.add_permits(1);
                }
            }
            Err(error) => {
                assert_eq!(error, RecvError::Closed);
                return sum;
            }
        }
    }
}

async fn run() -> u64 {
    let (to, first) = channel(CAPACITY as usize);
    let read = Arc::new(Semaphore::new(RECEIVERS as usize));
    let receivers: Vec<_> = (0..RECEIVERS)
        .map(|_| tokio::spawn(receive(to.subscribe(), read.clone())))
        .collect();
    drop(first);
    let sender = tokio::spawn(async move {
        for number in 1..=ELEMENTS {
            if number % CAPACITY == 1 {
                read.acquire_many(RECEIVERS).await.unwrap().forget();
            }
            to.send(number).unwrap();
        }
    });
    sender.await.unwrap();
    let mut total = 0;
    for receiver in receivers {
        total += receiver.await.unwrap();
    }
    total
}

fn main() {
    let args = helper::args();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.workers)
        .build()
        .unwrap();
    let mut total = 0;
    helper::repeat_ns(&args, (ELEMENTS * RECEIVERS as u64) as f64, || {
        total = runtime.block_on(run())
    });
    helper::check(total);
}
