//! What Linux itself takes away from a process: paths by Landlock, system calls by seccomp.

use std::collections::BTreeMap;
use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use crate::place::SYSTEM;
use crate::plan::{Plan, Sandbox};

/// What is asked for; an older Linux gives what it has.
const WANTED: ABI = ABI::V6;

/// Files that say how the machine is, and devices.
const READABLE: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/uptime",
    "/proc/version",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
];
const WRITABLE: &[&str] = &["/dev/null", "/dev/full"];

/// Leaves the system readable, the run's folder and what the operator allows writable, and nothing
/// else. Processes outside can get no signals.
pub(crate) fn restrict_files(plan: &Plan) -> Result<(), String> {
    restrict(plan).map_err(|error| format!("Landlock: {error}")).and_then(|status| match status {
        RulesetStatus::NotEnforced => Err("this kernel has no Landlock".to_owned()),
        _ => Ok(()),
    })
}

fn restrict(plan: &Plan) -> Result<RulesetStatus, landlock::RulesetError> {
    let there = |paths: &[&str]| -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).filter(|path| path.exists()).collect()
    };
    let read = AccessFs::from_read(WANTED);
    // Devices are no place to make things in.
    let write = AccessFs::from_file(WANTED);
    let all = AccessFs::from_all(WANTED);
    let script = plan.folder.join("script");
    let own = [plan.folder.join("home"), plan.folder.join("result")];
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(WANTED))?
        .create()?
        .add_rules(path_beneath_rules(there(SYSTEM), read))?
        .add_rules(path_beneath_rules(there(READABLE), read))?
        .add_rules(path_beneath_rules(there(WRITABLE), write))?
        .add_rules(path_beneath_rules(plan.readable.iter().chain([&script]), read))?
        .add_rules(path_beneath_rules(plan.writable.iter().chain(&own), all))?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// Calls no script needs: other processes, the kernel, keys, names of its own for what is denied.
const DENIED: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_personality,
    libc::SYS_clock_settime,
    libc::SYS_settimeofday,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// Without a process namespace a process that leaves the group would outlive it.
const LEAVES_THE_GROUP: &[i64] = &[libc::SYS_setsid, libc::SYS_setpgid];

const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Families of sockets of a script that may use the network: Internet, and what looks up addresses.
const NETWORK: &[i32] = &[libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// From here on, calls that are denied fail.
pub(crate) fn restrict_calls(plan: &Plan) -> Result<(), String> {
    let filters = filters(plan).map_err(|error| format!("seccomp: {error}"))?;
    filters
        .iter()
        .try_for_each(|filter| apply_filter(filter).map_err(|error| format!("seccomp: {error}")))
}

fn filters(plan: &Plan) -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        DENIED.iter().map(|call| (*call, Vec::new())).collect();
    let flag = |flag: &i32| {
        let bits = u64::from(flag.cast_unsigned());
        let condition =
            SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bits), bits)?;
        SeccompRule::new(vec![condition])
    };
    rules.insert(libc::SYS_clone, NAMESPACES.iter().map(flag).collect::<Result<_, _>>()?);
    // In a sandbox of `bwrap` there is a network of its own, with nothing in it.
    if plan.sandbox == Sandbox::Landlock {
        rules.extend(LEAVES_THE_GROUP.iter().map(|call| (*call, Vec::new())));
        let unlike = |family: &i32| {
            let family = u64::from(family.cast_unsigned());
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
        };
        let others = match plan.network {
            true => vec![SeccompRule::new(NETWORK.iter().map(unlike).collect::<Result<_, _>>()?)?],
            false => Vec::new(),
        };
        rules.insert(libc::SYS_socket, others);
    }
    let arch = std::env::consts::ARCH.try_into()?;
    let denied = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let denied = SeccompFilter::new(rules, SeccompAction::Allow, denied, arch)?;
    // Its flags are behind a pointer; without it `clone` is used.
    let unknown = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let newer = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let newer = SeccompFilter::new(newer, SeccompAction::Allow, unknown, arch)?;
    Ok([newer.try_into()?, denied.try_into()?])
}
