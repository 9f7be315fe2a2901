//! A fault that stays ends the real binary with the code of its class; what does not need it is finished, and when the fault is gone
//! the same command succeeds.

use emulator::weather::{Fault, Weather};
use integration_tests::process::binary;
use integration_tests::processes::Shop;

/// Denied is 6, every other failure 1.
const CASES: [(Fault, &str, i32); 3] =
    [(Fault::AccessDenied, "ecs:CreateCluster", 6), (Fault::ExpiredToken, "rds:CreateDBInstance", 6), (Fault::Http500, "ec2:CreateVpc", 1)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_for_ever_ends_with_the_code_of_its_class_and_without_it_the_same_command_succeeds() {
    for (fault, operation, code) in CASES {
        let what = format!("{operation}: {} for ever", fault.name());
        let shop = Shop::new(binary(), "");
        shop.emulator.weather(Weather::always(fault, operation));
        let told = shop.must(&["deploy", "--yes"], code, &what).await;
        assert!(told.contains("FAILED") && told.contains("hint: ") && told.contains("skipped"), "{what}: {told}");
        assert!(told.contains("created   observability/dashboard"), "{what}: what does not need it was not finished: {told}");
        shop.all_named(&what);
        shop.emulator.weather(Weather::calm());
        shop.must(&["deploy", "--yes"], 0, &what).await;
        shop.must(&["plan", "--detailed-exitcode"], 0, &what).await;
    }
    // A read that is denied: there is no plan.
    let shop = Shop::new(binary(), "");
    shop.emulator.weather(Weather::always(Fault::AccessDenied, "ec2:DescribeVpcs"));
    let told = shop.must(&["plan"], 6, "a read").await;
    assert!(told.contains("ec2:DescribeVpcs") && told.contains("request "), "{told}");
}
