// Workflows, their runs, what happened in one, and what people may do about it.
async function showWorkflows({ path, query }, turn) {
  const [place, id] = path.split("/");
  const open = query.get("open");
  let drawn;
  try {
    if (place === "runs") drawn = await runView(decodeURIComponent(id || ""));
    else if (open) drawn = await workflowView(open);
    else drawn = await workflowsView();
  } catch (error) {
    drawn = [element("h2", word.workflows), element("p", word.failed + error.message)];
  }
  if (turn !== turns) return;
  view.replaceChildren(...drawn);
  // Soon there is more to see.
  if (view.querySelector("h2 ~ .actions .stop")) setTimeout(() => { if (turn === turns) refresh(); }, 2000);
}

async function workflowsView() {
  const [all, runs] = await Promise.all([
    ask("/api/v1/workflows?limit=500"), ask("/api/v1/runs?limit=30"),
  ]);
  const drawn = [element("h2", word.workflows)];
  if (!all.items.length) drawn.push(element("p", word.noWorkflows));
  const list = element("ul", undefined, "list");
  for (const item of all.items) {
    const entry = element("li");
    const link = element("a", item.name || item.id);
    link.href = `#/workflows?open=${encodeURIComponent(item.id)}`;
    entry.append(element("strong").appendChild(link).parentNode, " ");
    const kinds = item.triggers.join(", ");
    entry.append(element("span", item.disabled ? `${kinds}, ${word.off}` : kinds, "faint"), " ");
    if (item.last_run) entry.append(runState(item.last_run), " ", age(item.last_run.at));
    if (item.description) entry.append(element("div", item.description, "about"));
    list.append(entry);
  }
  drawn.push(list, element("h3", word.runs), runList(runs.items));
  return drawn;
}

async function workflowView(id) {
  const key = encodeURIComponent(id);
  const [item, runs] = await Promise.all([
    ask(`/api/v1/workflows/${key}`), ask(`/api/v1/workflows/${key}/runs?limit=100`),
  ]);
  const facts = [item.id, item.origin === "file" ? item.file : `${word.version} ${item.version}`];
  if (item.disabled) facts.push(word.off);
  const back = element("a", word.workflows);
  back.href = "#/workflows";
  const drawn = [element("p").appendChild(back).parentNode, element("h2", item.name || item.id)];
  drawn.push(element("p", facts.filter(Boolean).join(" · "), "faint"));
  if (item.description) drawn.push(element("p", item.description, "about"));
  if (item.drift) drawn.push(element("p", item.drift, "bad"));
  drawn.push(startForm(item), element("h3", word.runs), runList(runs.items));
  if (item.text) {
    const text = element("pre", item.text);
    text.tabIndex = 0;
    text.setAttribute("aria-label", word.text);
    drawn.push(element("h3", word.text), text);
  }
  return drawn;
}

// Its inputs, and a button.
function startForm(item) {
  const form = element("form", undefined, "actions");
  const fields = item.inputs.map((input) => {
    const field = element("input");
    field.value = input.default === undefined || input.default === null ? "" : shownValue(input.default);
    field.required = Boolean(input.required);
    const label = element("label", undefined, "together");
    label.append(`${input.name} `, field);
    form.append(label);
    return [input, field];
  });
  const start = element("button", word.run);
  start.type = "submit";
  form.append(start);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const inputs = {};
    for (const [input, field] of fields) {
      if (field.value === "" && !input.required) continue;
      const plain = ["string", "text", "choice", undefined].includes(input.type);
      try {
        inputs[input.name] = plain ? field.value : JSON.parse(field.value);
      } catch {
        inputs[input.name] = field.value;
      }
    }
    await doing(async () => {
      const started = await ask(`/api/v1/workflows/${encodeURIComponent(item.id)}/run`, { inputs });
      location.hash = `#/runs/${encodeURIComponent(started.run)}`;
    });
  });
  return form;
}

function runState(run) {
  const waits = run.status === "running" && (run.questions || []).length;
  return element("span", word[waits ? "asks" : run.status === "failed" ? "runFailed" : run.status] || run.status, `state run-${run.status}`);
}

function runList(runs) {
  if (!runs.length) return element("p", word.noRuns, "faint");
  const list = element("ul", undefined, "list");
  for (const run of runs) {
    const entry = element("li");
    const link = element("a", run.workflow);
    link.href = `#/runs/${encodeURIComponent(run.id)}`;
    link.setAttribute("aria-label", `${run.workflow}, ${time(run.at)}`);
    entry.append(runState(run), " ", link, " ", element("span", run.alert || run.cause, "faint"), " ", age(run.at));
    for (const error of run.errors) entry.append(element("div", error, "bad"));
    list.append(entry);
  }
  return list;
}

async function runView(id) {
  const key = encodeURIComponent(id);
  const [run, log] = await Promise.all([ask(`/api/v1/runs/${key}`), ask(`/api/v1/runs/${key}/log?limit=1000`)]);
  const back = element("a", run.workflow);
  back.href = `#/workflows?open=${encodeURIComponent(run.workflow)}`;
  const head = element("p");
  head.append(back, " ", runState(run), " ", element("span", `${run.cause}, ${time(run.at)}`, "faint"));
  const drawn = [head, element("h2", `${word.oneRun} ${run.id}`)];
  if (run.fingerprint) {
    const alert = element("a", run.alert || run.fingerprint);
    alert.href = `#/feed?preset=&open=${encodeURIComponent(run.fingerprint)}`;
    drawn.push(element("p").appendChild(alert).parentNode);
  }
  for (const error of run.errors) drawn.push(element("p", error, "bad"));
  for (const question of run.questions) {
    const answer = (approved) => () => doing(() => ask(`/api/v1/runs/${key}/approve`, { key: question.key, approved }));
    const actions = element("div", undefined, "actions");
    actions.append(button(word.approve, answer(true)), button(word.refuse, answer(false)));
    drawn.push(element("p", question.message, "about"), actions);
  }
  const actions = element("div", undefined, "actions");
  if (run.status === "running" || run.status === "queued") {
    actions.append(button(word.cancel, () => doing(() => ask(`/api/v1/runs/${key}/cancel`, {})), "stop"));
  } else {
    actions.append(button(word.rerun, () => doing(async () => {
      const started = await ask(`/api/v1/runs/${key}/rerun`, {});
      location.hash = `#/runs/${encodeURIComponent(started.run)}`;
    })));
  }
  drawn.push(actions, element("h3", word.history));
  const list = element("ol", undefined, "timeline");
  for (const event of log.items) {
    const entry = element("li");
    entry.append(element("strong", event.step || ""), " ", element("span", event.kind), " ");
    entry.append(element("span", time(event.at), "faint"));
    if (Object.keys(event.detail || {}).length) {
      const more = element("details");
      const { message, error } = event.detail;
      more.append(element("summary", message || error || word.fields), element("pre", JSON.stringify(event.detail, null, 2)));
      entry.append(more);
    }
    list.append(entry);
  }
  drawn.push(list);
  return drawn;
}

// Does something and shows what came of it.
async function doing(work) {
  try {
    await work();
    say(word.done);
  } catch (error) {
    say(word.refused + error.message, true);
  }
  show();
}
