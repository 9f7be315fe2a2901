//! The sizes that Fargate has.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>

/// CPU units, then the memory that goes with them in MiB: least, most, step.
const SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

/// Whether Fargate has tasks of this size; what would be right when it has not.
pub(crate) fn problem(cpu: u32, memory: u32) -> Option<(&'static str, String)> {
    let Some((_, least, most, step)) = SIZES.iter().find(|size| size.0 == cpu) else {
        let sizes: Vec<String> = SIZES.iter().map(|size| size.0.to_string()).collect();
        return Some(("compute.cpu", format!("{cpu} CPU units: Fargate has {}", sizes.join(", "))));
    };
    // The smallest size leaves out 1536.
    let fits = (*least..=*most).contains(&memory) && (memory - least).is_multiple_of(*step) && (cpu, memory) != (256, 1536);
    let right = match cpu {
        256 => "512, 1024 or 2048 MiB".to_owned(),
        _ => format!("{least} to {most} MiB in steps of {step}"),
    };
    (!fits).then(|| ("compute.memory", format!("{memory} MiB: with {cpu} CPU units Fargate has {right}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pairs_that_fargate_has_are_let_through() {
        for (cpu, memory) in [(256, 512), (256, 2048), (512, 3072), (4096, 30_720), (8192, 20_480), (16_384, 122_880)] {
            assert_eq!(problem(cpu, memory), None, "{cpu}/{memory}");
        }
        for (cpu, memory, key) in [(300, 512, "cpu"), (256, 1536, "memory"), (512, 512, "memory"), (8192, 17_408, "memory")] {
            let (found, text) = problem(cpu, memory).unwrap();
            assert!(found.ends_with(key) && text.contains("Fargate has"), "{cpu}/{memory}: {text}");
        }
    }
}
