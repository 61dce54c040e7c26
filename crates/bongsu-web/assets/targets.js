// What is scraped, and how that goes.
let allTargets = [];
let dropped = {};

async function showTargets(place, turn) {
  enterList("targets", word.targets, () => filterForm(word.searchTargets, [
    ["health", word.health, [["", word.everyState], ["down", word.down], ["unknown", word.notScraped], ["up", word.up]]],
  ], drawTargets));
  try {
    const { data } = await ask("/prometheus/api/v1/targets");
    if (turn !== turns) return;
    allTargets = data.activeTargets;
    dropped = data.droppedTargetCounts;
    drawTargets();
  } catch (error) {
    if (turn === turns) showFailure(error);
  }
}

function drawTargets() {
  const { query } = here();
  const [search, health] = [query.get("q") || "", query.get("health") || ""];
  const wanted = allTargets.filter((target) => (!health || target.health === health)
    && (!search || fits([target.scrapePool, target.scrapeUrl, pairs(target.labels), target.lastError].join(" "), search)));
  const jobs = new Map(search || health ? [] : Object.keys(dropped).map((job) => [job, []]));
  for (const target of wanted) jobs.set(target.scrapePool, [...(jobs.get(target.scrapePool) || []), target]);
  if (!jobs.size && !allTargets.length) {
    showCount(word.noTargets);
    drawList([nothingYet(word.noTargetsHow, "# bongsu.yaml\nscrape_configs:\n- job_name: node\n  static_configs: [{targets: ['host:9100']}]"), commandLine("target", "ls")]);
    return;
  }
  const down = wanted.filter((target) => target.health === "down").length;
  const count = word.count(wanted.length, allTargets.length);
  showCount(down ? `${count} · ${word.down} ${down}` : count);
  const drawn = [...jobs].map(([job, targets]) => targetJob(job, targets));
  if (!wanted.length && (search || health)) drawn.push(paragraph(word.noTargetFits));
  drawList([...drawn, commandLine("target", "ls")]);
}

function targetJob(job, targets) {
  const section = element("section", undefined, "group-of-rules");
  const up = targets.filter((target) => target.health === "up").length;
  const line = paragraph(undefined, up < targets.length ? "bad" : "faint");
  line.append(targets.length ? word.upOf(up, targets.length) : word.noneFound);
  if (dropped[job]) line.append(" ", element("span", word.droppedOnes(dropped[job]), "faint"));
  section.append(element("h3", job), line);
  if (!targets.length) return section;
  section.append(table(job, [
    [word.health, "short"], [word.target], [word.labels, "less"], [word.scraped, "short"], [word.took, "short number less"], [word.interval, "short less"],
  ], targets.slice(0, 500).map((target) => {
    const { job: _, ...labels } = target.labels;
    const named = [element("code", target.scrapeUrl)];
    if (target.lastError) named.push(element("div", target.lastError, "bad"));
    return [targetHealth(target.health), named, element("code", pairs(labels)), since(target.lastScrape), target.health === "unknown" ? "" : howLong(target.lastScrapeDuration), target.scrapeInterval];
  })));
  if (targets.length > 500) section.append(paragraph(word.moreRules(500), "faint"));
  return section;
}

function targetHealth(health) {
  const [text, kind] = { up: [word.up, "resolved"], down: [word.down, "firing"] }[health] || [word.notScraped, "pending"];
  return element("span", text, `state ${kind}`);
}
