// SPDX-License-Identifier: MIT
// crate: rayon = "1"

// Rayon's join, scopes, iterators and sort.
#[path = "../helper.rs"]
mod helper;

use rayon::prelude::*;
use rayon::ThreadPool;
use std::time::{Duration, Instant};

const FIB: u32 = 34;
const QUEENS: usize = 12;
const INTS: usize = 10_000_000;
const LOOP: u64 = 100_000_000;
const MANY: usize = 1_000_000;
const TRIPS: usize = 20_000;

fn fib(n: u32) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let (a, b) = rayon::join(|| fib(n - 1), || fib(n - 2));
    a + b
}

fn safe(board: &[i8; 16], row: usize, column: i32) -> bool {
    (0..row).all(|i| {
        let (d, k) = (board[i] as i32 - column, (row - i) as i32);
        d != 0 && d != k && d != -k
    })
}

fn queens(row: usize, board: [i8; 16]) -> u64 {
    if row == QUEENS {
        return 1;
    }
    let mut counts = [0u64; QUEENS];
    rayon::scope(|scope| {
        for (column, count) in counts.iter_mut().enumerate() {
            if safe(&board, row, column as i32) {
                let mut next = board;
                next[row] = column as i8;
                scope.spawn(move |_| *count = queens(row + 1, next));
            }
        }
    });
    counts.iter().sum()
}

fn hash_sum(begin: u64, end: u64) -> u64 {
    let mut sum = 0;
    for i in begin..end {
        let mut x = i as u32;
        x ^= x >> 16;
        x = x.wrapping_mul(0x7feb352d);
        x ^= x >> 15;
        x = x.wrapping_mul(0x846ca68b);
        x ^= x >> 16;
        sum += (x & 0xff) as u64;
    }
    sum
}

fn hash_all() -> u64 {
    (0..(LOOP + 4095) / 4096).into_par_iter().map(|p| hash_sum(p * 4096, LOOP.min((p + 1) * 4096))).sum()
}

fn run(args: &helper::Args, pool: &ThreadPool, per: f64, body: impl Fn() -> u64 + Sync + Send) {
    let mut result = pool.install(&body);
    for _ in 0..args.samples {
        let start = Instant::now();
        result = pool.install(&body);
        helper::sample(helper::ns_since(start) / per);
    }
    helper::check(result);
}

fn sort_ints(args: &helper::Args, pool: &ThreadPool) {
    let mut state = 88172645463325252u64;
    let keys: Vec<i32> = (0..INTS).map(|_| (helper::random(&mut state) >> 33) as i32).collect();
    let mut digest = 0u64;
    for i in 0..args.samples + 1 {
        let mut sorted = keys.clone();
        let start = Instant::now();
        pool.install(|| sorted.par_sort_unstable());
        if i > 0 {
            helper::sample(helper::ns_since(start) / 1e6);
        }
        digest = sorted.iter().fold(0u64, |d, &k| d.wrapping_mul(31).wrapping_add(k as u64));
    }
    helper::check(digest);
}

// From the main thread, which is none of the pool's.
fn outside(args: &helper::Args, pool: &ThreadPool) {
    let many = || pool.in_place_scope(|scope| (0..MANY).for_each(|_| scope.spawn(|_| {})));
    let trips = || (0..TRIPS).for_each(|_| pool.install(|| {}));
    match args.question.as_str() {
        "outside_many" => {
            helper::repeat_ns(args, 1e6, many);
            helper::check(0)
        }
        "outside_warm" => {
            helper::repeat_ns(args, 1e3 * TRIPS as f64, trips);
            helper::check(0)
        }
        _ => {
            for _ in 0..args.samples {
                let mut took: Vec<f64> = (0..200)
                    .map(|_| {
                        std::thread::sleep(Duration::from_millis(1));
                        let start = Instant::now();
                        pool.install(|| {});
                        helper::ns_since(start) / 1e3
                    })
                    .collect();
                took.sort_by(|a, b| a.partial_cmp(b).unwrap());
                helper::sample(took[100]);
            }
        }
    }
}

fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let mut sum = 0.0;
    if text.is_empty() {
        helper::skip("the kernel does not tell of CPU time in /proc");
    }
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path().join("schedstat");
        let text = std::fs::read_to_string(path).unwrap();
        sum += text.split(' ').next().unwrap().parse::<f64>().unwrap();
    }
    sum / 1e6
}

fn idle(args: &helper::Args, pool: &ThreadPool) {
    for _ in 0..args.samples {
        pool.install(|| fib(25));
        std::thread::sleep(Duration::from_millis(20));
        let start = cpu_ms();
        std::thread::sleep(Duration::from_secs(1));
        helper::sample(cpu_ms() - start);
    }
}

fn main() {
    let args = helper::args();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.workers).build().unwrap();
    let forks = {
        let (mut a, mut b) = (0f64, 1f64);
        for _ in 0..FIB + 1 {
            let c = a + b;
            a = b;
            b = c;
        }
        a - 1.0
    };
    match args.question.as_str() {
        "fork_fib" => run(&args, &pool, forks, || fib(FIB)),
        "fork_queens" => run(&args, &pool, 1e6, || queens(0, [0; 16])),
        "loop" => run(&args, &pool, 1e6, hash_all),
        "fork_flat" => run(&args, &pool, 1e6, || {
            rayon::scope(|scope| (0..MANY).for_each(|_| scope.spawn(|_| {})));
            0
        }),
        "sort_ints" => sort_ints(&args, &pool),
        "idle" => idle(&args, &pool),
        _ => outside(&args, &pool),
    }
}
