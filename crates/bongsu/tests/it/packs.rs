//! Rules that ship and objectives as files, as the program shows and loads them.

use crate::program::Program;

const ALERTMANAGER: &str =
    "route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n";

#[test]
fn packs_are_listed_shown_and_tested() {
    let program = Program::new();
    let listed = program.run(&["rule", "pack", "ls"]);
    assert!(listed.starts_with("exit 0\n"), "{listed}");
    assert!(listed.contains("\nkubernetes "), "{listed}");
    assert!(program.run(&["rule", "pack", "ls", "--lang", "ko"]).contains("리눅스 장비"));
    let names = program.run(&["rule", "pack", "ls", "-o", "name"]);
    assert!(names.lines().count() >= 16, "{names}");
    let shown = program.run(&["rule", "pack", "show", "blackbox"]);
    insta::assert_snapshot!(shown);
    let rules = program.run(&["rule", "pack", "show", "blackbox", "--rules"]);
    assert!(rules.contains("\ngroups:\n"), "{rules}");
    let runbook =
        program.run(&["rule", "pack", "show", "bongsu", "--runbook", "BongsuDown", "--lang", "ko"]);
    assert!(runbook.contains("# BongsuDown\n") && runbook.contains("## 조치"), "{runbook}");
    let tested = program.run(&["rule", "pack", "test", "blackbox", "redis"]);
    assert!(tested.starts_with("exit 0\n"), "{tested}");
    assert!(tested.contains("pack:redis/tests.yaml: SUCCESS"), "{tested}");
    insta::assert_snapshot!(program.run(&["rule", "pack", "show", "kubernets"]));
}

#[test]
fn a_directory_with_packs_and_objectives() {
    let program = Program::new();
    program.write("c/alertmanager.yml", ALERTMANAGER);
    program.write("c/bongsu.yaml", "rule_packs: [nodes]\n");
    let overlay = "patches:\n- match: {alert: NodeExporterDown}\n  set: {for: 10m}\n\
        - match: {alert: OrdersFail}\n  set: {labels: {team: shop}}\n";
    program.write("c/rules/overlay.yaml", overlay);
    let slo = "apiVersion: bongsu.io/v1\nkind: ServiceLevel\nmetadata: {name: shop}\nspec:\n  \
        service: shop\n  slos:\n  - name: orders\n    objective: 99.5\n    sli:\n      events:\n        \
        error_query: sum(rate(orders_total{result=\"bad\"}[{{.window}}]))\n        \
        total_query: sum(rate(orders_total[{{.window}}]))\n    alerting: {name: OrdersFail}\n";
    program.write("c/slo/shop.yaml", slo);
    let good = program.run(&["check", "c"]);
    assert!(good.starts_with("exit 0\n"), "{good}");
    // A name that no pack has, then a mistake in an objective, then a patch of a rule that is not there.
    program.write("c/bongsu.yaml", "rule_packs:\n- kafka\n- kubernets\n");
    insta::assert_snapshot!("unknown_pack", program.run(&["check", "c"]));
    program.write("c/bongsu.yaml", "rule_packs: [kafka]\n");
    program.write("c/slo/shop.yaml", &slo.replace("99.5", "995"));
    insta::assert_snapshot!("mistake_of_an_objective", program.run(&["check", "c"]));
    program.write("c/slo/shop.yaml", slo);
    insta::assert_snapshot!("patch_of_nothing", program.run(&["check", "c"]));
}

#[test]
fn rule_files_of_tests_are_looked_for_beside_them() {
    let program = Program::new();
    program.write("r/a.yaml", "groups: [{name: a, rules: [{record: b, expr: vector(1)}]}]\n");
    program.write(
        "r/a.test.yaml",
        "rule_files: [a.yaml]\ntests: [{promql_expr_test: [{expr: b, eval_time: 1m, \
         exp_samples: [{labels: b, value: 1}]}]}]\n",
    );
    let tested = program.run(&["rule", "test", "r/a.test.yaml"]);
    assert!(tested.starts_with("exit 0\n"), "{tested}");
    assert!(!tested.contains("warning"), "{tested}");
}
