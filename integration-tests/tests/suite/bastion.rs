//! The bastion layer, read back from the world.

use emulator::world::Region;
use integration_tests::{Bench, EVERYTHING, all_done};

fn region<T>(bench: &Bench, look: impl FnOnce(&mut Region) -> T) -> T {
    bench.emulator.with_world(|world| look(world.regions.get_mut("eu-north-1").unwrap()))
}

const SSM: &str = "embedded = true\n[database]\nfinal_snapshot = false\n[bastion]\nenabled = true\n";

/// Direction, port and peer of the rules of the bastion's group.
fn rules(region: &Region) -> Vec<(bool, i64, String)> {
    let group = region.ec2.security_groups.iter().find(|(_, it)| it.name.ends_with("-bastion")).unwrap().0;
    let own = region.ec2.rules.values().filter(|rule| &rule.group == group);
    let mut rules: Vec<_> = own.map(|rule| (rule.egress, rule.from, rule.peer.split('-').next().unwrap().to_owned())).collect();
    rules.sort();
    rules
}

#[tokio::test(start_paused = true)]
async fn by_ssh_it_is_public_and_open_to_the_named_range_only() {
    let bench = Bench::new();
    all_done(bench.deploy(EVERYTHING).await);
    region(&bench, |region| {
        let host = region.ec2.instances.values().next().unwrap();
        assert_eq!(
            (host.body["metadataOptions"]["httpTokens"].as_str(), host.body["instanceState"]["name"].as_str()),
            (Some("required"), Some("running"))
        );
        assert!(host.inside["volumes"].to_string().contains("\"encrypted\":true"), "{}", host.inside);
        assert!(host.str("keyName").starts_with("shop-test-bastion-") && region.ec2.key_pairs.len() == 1);
        let subnet = &region.ec2.subnets[host.str("subnetId")];
        assert!(subnet.tags["orchestrator:address"].contains("subnet-public") && !host.str("ipAddress").is_empty());
        let wanted = [(false, 22, "198.51.100.0/24"), (true, 443, "0.0.0.0/0"), (true, 5432, "sg")];
        assert_eq!(rules(region), wanted.map(|(out, port, peer)| (out, port, peer.to_owned())));
        let data = region.ec2.security_groups.iter().find(|(_, it)| it.name.ends_with("-data")).unwrap().0;
        assert_eq!(region.ec2.rules.values().filter(|rule| &rule.group == data && !rule.egress).count(), 2);
    });
}

#[tokio::test(start_paused = true)]
async fn by_session_manager_nothing_is_open() {
    let bench = Bench::new();
    all_done(bench.deploy(SSM).await);
    region(&bench, |region| {
        let host = region.ec2.instances.values().next().unwrap();
        assert!(host.str("ipAddress").is_empty() && host.str("keyName").is_empty() && region.ec2.key_pairs.is_empty());
        assert!(region.ec2.subnets[host.str("subnetId")].tags["orchestrator:address"].contains("subnet-private"));
        assert!(rules(region).iter().all(|(out, ..)| *out), "something may come in");
    });
    let policies = bench.emulator.with_world(|world| world.account.roles["shop-test-bastion"].inside.to_string());
    assert!(policies.contains("AmazonSSMManagedInstanceCore"), "{policies}");
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_goes_and_nothing_else() {
    let bench = Bench::new();
    all_done(bench.deploy(SSM).await);
    all_done(bench.deploy(&SSM.replace("enabled = true", "enabled = false")).await);
    region(&bench, |region| {
        assert!(region.ec2.instances.values().all(|host| host.body["instanceState"]["name"] == "terminated"));
        assert!(!region.ec2.security_groups.values().any(|group| group.name.ends_with("-bastion")));
        assert_eq!(region.db_instances.len(), 1);
    });
}
