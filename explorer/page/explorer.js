"use strict";
// Everything that comes from services is text of strangers: it is set as textContent, and never becomes markup.

const $ = (selector, root = document) => root.querySelector(selector);
const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

// make returns an element with attributes and children, which are nodes or text.
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const fromTemplate = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

// ---- what is known

let services = [];
let status = null;
let newest = 0; // the number of the newest sample
const series = new Map(); // by the number of an endpoint: three lists, the newest sample last
const shown = new Map(); // by the name of a service: what the page has of it
const inView = new Set(); // endpoints whose plots can be seen
let opened = null; // the endpoint whose details are open
let heardAt = Date.now();

function take(frame) {
  heardAt = Date.now();
  status = frame.status;
  if (frame.whole) series.clear();
  const step = frame.whole ? 0 : frame.to - newest;
  newest = frame.to;
  for (const lists of series.values()) {
    for (const list of lists) for (let i = 0; i < Math.min(step, status.window); i++) { list.shift(); list.push(null); }
  }
  for (const [number, values] of Object.entries(frame.samples)) {
    if (!series.has(number)) series.set(number, [0, 1, 2].map(() => new Array(status.window).fill(null)));
    const lists = series.get(number);
    for (let i = 0; i < values.length; i++) {
      const at = status.window - 1 - (frame.to - frame.from - Math.floor(i / 3));
      if (at >= 0) lists[i % 3][at] = values[i];
    }
  }
  if (frame.services) {
    services = frame.services;
    showServices();
  }
  showStatus();
  for (const endpoint of inView) showNumbers(endpoint);
  if (opened) showPlots(opened);
  for (const service of shown.values()) if (service.table) loadInstances(service);
}

// recent is the mean over the last ten seconds, since one question may see nothing of what is rare. Times are weighted by
// requests.
function recent(lists, kind) {
  let sum = 0, weight = 0;
  for (let i = status.window - 5; i < status.window; i++) {
    const value = lists[kind][i];
    if (value === null) continue;
    const w = kind === 2 ? lists[0][i] : 1;
    sum += value * w;
    weight += w;
  }
  return weight > 0 ? sum / weight : null;
}

// perSecond and duration return a number and its unit.
function perSecond(x) {
  if (x === null) return ["–", ""];
  if (x >= 1e6) return [x >= 1e9 ? x.toExponential(1) : (x / 1e6).toFixed(1) + "M", "/s"];
  if (x >= 1e4) return [(x / 1e3).toFixed(1) + "k", "/s"];
  return [x === 0 ? "0" : x < 0.1 ? x.toFixed(2) : x < 100 ? x.toFixed(1) : Math.round(x).toLocaleString("en"), "/s"];
}

function duration(seconds) {
  if (seconds === null) return ["–", ""];
  const digits = (x) => (x < 10 ? x.toFixed(2) : x < 100 ? x.toFixed(1) : Math.round(x).toLocaleString("en"));
  if (seconds < 1e-3) return [Math.round(seconds * 1e6).toString(), "µs"];
  return seconds < 1 ? [digits(seconds * 1e3), "ms"] : [digits(seconds), "s"];
}

const kinds = [["requests", perSecond], ["errors", perSecond], ["mean", duration]];

// ---- plots

// plot draws a list of samples. Where nothing is known there is a gap.
function plot(svg, list) {
  const top = list.reduce((most, x) => Math.max(most, x ?? 0), 0);
  const last = list.length - 1;
  let line = "", area = "", from = -1;
  for (let i = 0; i <= list.length; i++) {
    const known = i < list.length && list[i] !== null;
    if (known) {
      line += `${from < 0 ? "M" : "L"}${i} ${top > 0 ? (24 - (22 * list[i]) / top).toFixed(1) : 24}`;
      if (from < 0) from = i;
    } else if (from >= 0) {
      const start = line.lastIndexOf("M");
      area += `${line.slice(start)}L${i - 1} 24L${from} 24Z`;
      from = -1;
    }
  }
  svg.setAttribute("viewBox", `0 0 ${last} 24`);
  $(".line", svg).setAttribute("d", top > 0 ? line : "");
  $(".area", svg).setAttribute("d", top > 0 ? area : "");
  return top;
}

function showNumbers(endpoint) {
  const lists = series.get(String(endpoint.data.number));
  kinds.forEach(([kind, format], i) => {
    const cell = $(".cell." + kind, endpoint.row);
    const value = lists ? recent(lists, i) : null;
    const [number, unit] = format(value);
    setText($("b", cell), number);
    setText($("i", cell), unit);
    cell.classList.toggle("quiet", !value);
    cell.classList.toggle("some", value > 0);
    plot($("svg", cell), lists ? lists[i] : [null, null]);
  });
}

function showPlots(endpoint) {
  const lists = series.get(String(endpoint.data.number));
  kinds.forEach(([kind, format], i) => {
    const figure = $("figure." + kind, endpoint.detail);
    const top = plot($("svg", figure), lists ? lists[i] : [null, null]);
    setText($("b", figure), top > 0 ? "at most " + format(top).join(" ") : "");
  });
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const endpoint = entry.target.endpoint;
    if (!entry.isIntersecting) inView.delete(endpoint);
    else if (inView.add(endpoint)) showNumbers(endpoint);
  }
}, { rootMargin: "200px" });

// ---- services

const query = () => $("#search").value.trim().toLowerCase();
const keyOf = (service, endpoint) => JSON.stringify([service.name, endpoint.subject, endpoint.name]);

// arrange makes the children of a node those of a list, in its order, and moves only what is elsewhere: what has the focus
// keeps it.
function arrange(parent, nodes) {
  nodes.forEach((node, i) => { if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null); });
  while (parent.children.length > nodes.length) parent.lastElementChild.remove();
}

function showServices() {
  const words = query();
  const names = new Set(services.map((service) => service.name));
  for (const [name, service] of shown) {
    if (names.has(name)) continue;
    service.endpoints.forEach(drop);
    shown.delete(name);
  }
  const nodes = [];
  let endpoints = 0, instances = 0;
  for (const data of services) {
    endpoints += data.endpoints.length;
    instances += data.instances;
    if (!shown.has(data.name)) shown.set(data.name, newService(data));
    const service = shown.get(data.name);
    service.data = data;
    const found = data.name.toLowerCase().includes(words) || (data.description ?? "").toLowerCase().includes(words)
      ? data.endpoints
      : data.endpoints.filter((e) => e.name.toLowerCase().includes(words) || e.subject.toLowerCase().includes(words));
    showService(service, found);
    if (words === "" || found.length > 0 || found === data.endpoints) nodes.push(service.node);
  }
  arrange($("#services"), nodes);
  setText($("#summary"), services.length === 0 ? "" :
    [plural(services.length, "service"), plural(endpoints, "endpoint"), plural(instances, "instance")].join(" · "));
  const nothing = services.length > 0 ? `Nothing matches “${$("#search").value.trim()}”.`
    : status?.asked ? "No service answers. When one starts, it appears here." : "Looking for services …";
  setText($("#empty"), nothing);
  $("#empty").hidden = nodes.length > 0;
  if (location.hash.length > 1) openHash();
}

function newService(data) {
  const node = fromTemplate("t-service");
  const service = { node, data, endpoints: new Map(), table: null };
  setText($("h2", node), data.name);
  const button = $(".count", node);
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    $(".instances", node).hidden = isOpen;
    service.table = isOpen ? null : $(".instances", node);
    if (!isOpen) loadInstances(service);
  });
  return service;
}

const mark = (text) => make("span", { class: "mark" }, text);

function showService(service, found) {
  const { node, data } = service;
  const versions = data.versions.filter((v) => v.value !== "");
  const parts = versions.map((v) => (versions.length > 1 ? `${v.value} × ${v.instances}` : v.value));
  if (data.versions.some((v) => v.more)) parts.push("…");
  $(".versions", node).replaceChildren(parts.join(", "), ...(data.versions.length > 1 ? [" ", mark("versions differ")] : []));
  setText($(".count", node), data.instances === 0 ? "no instance" : plural(data.instances, "instance"));
  setText($(".words", node), data.description ?? "");
  $(".words", node).hidden = !data.description;
  node.classList.toggle("gone", data.instances === 0);
  const keys = new Set(data.endpoints.map((e) => keyOf(data, e)));
  for (const [key, endpoint] of service.endpoints) {
    if (keys.has(key)) continue;
    drop(endpoint);
    service.endpoints.delete(key);
  }
  const nodes = found.map((e) => {
    const key = keyOf(data, e);
    if (!service.endpoints.has(key)) service.endpoints.set(key, newEndpoint(e, key));
    const endpoint = service.endpoints.get(key);
    showEndpoint(endpoint, e, data);
    return endpoint.node;
  });
  arrange($("ul", node), nodes);
  $(".list", node).hidden = nodes.length === 0;
}

function newEndpoint(data, key) {
  const node = fromTemplate("t-endpoint");
  const endpoint = { node, row: $(".row", node), data, key, detail: null };
  setText($(".name", node), data.name);
  setText($(".subject", node), data.subject);
  endpoint.row.addEventListener("click", () => (opened === endpoint ? close() : open(endpoint)));
  node.endpoint = endpoint;
  watcher.observe(node);
  return endpoint;
}

function drop(endpoint) {
  watcher.unobserve(endpoint.node);
  inView.delete(endpoint);
  if (opened === endpoint) close();
}

function showEndpoint(endpoint, data, service) {
  const before = endpoint.data;
  endpoint.data = data;
  const marks = [];
  if (data.contracts.length > 1) marks.push(mark("contracts differ"));
  if (data.queue_groups.length > 1) marks.push(mark("queue groups differ"));
  if (data.instances === 0 && service.instances > 0) marks.push(mark("not served"));
  else if (data.instances < service.instances) marks.push(mark(`on ${data.instances} of ${service.instances} instances`));
  const words = marks.map((m) => m.textContent).join();
  if (words !== $(".marks", endpoint.node).textContent) $(".marks", endpoint.node).replaceChildren(...marks);
  if (opened === endpoint && JSON.stringify(before.contracts) !== JSON.stringify(data.contracts)) loadDetail(endpoint);
}

// ---- instances

async function getJSON(path) {
  const response = await fetch(path);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? response.statusText);
  return answer;
}

async function loadInstances(service) {
  if (service.isLoading) return;
  service.isLoading = true;
  try {
    showInstances(service, await getJSON("instances?service=" + service.data.number));
  } catch (error) {
    service.table?.replaceChildren(make("p", { class: "problem" }, error.message));
  } finally {
    service.isLoading = false;
  }
}

function ago(time) {
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} days ago`;
}

function showInstances(service, { listed, instances }) {
  if (!service.table) return;
  const versions = new Set(listed.map((one) => one.version));
  const head = [["Instance", "id"], ["Version", ""], ["Started", ""], ["Requests", "right wide"], ["Errors", "right wide"],
    ["Now", "right"], ["Mean time", "right wide"], ["Last error", "last wide"]];
  const cells = (one) => [one.id, one.version, one.started ? ago(one.started) : "–", one.requests.toLocaleString("en"),
    one.errors.toLocaleString("en"), perSecond(one.per_second[0]).join(" "), duration(one.per_second[2]).join(" "), one.last_error ?? ""];
  if (!$("table", service.table)) {
    service.table.replaceChildren(make("table", {},
      make("thead", {}, make("tr", {}, ...head.map(([text, style]) => make("th", { scope: "col", class: style }, text)))),
      make("tbody")), make("p", { class: "more" }));
  }
  // Cells stay while their text does, so that it can be selected.
  const body = $("tbody", service.table);
  while (body.rows.length > listed.length) body.lastElementChild.remove();
  listed.forEach((one, i) => {
    const row = body.rows[i] ?? body.appendChild(make("tr", {}, ...head.map(([, style]) => make("td", { class: style }))));
    cells(one).forEach((text, j) => setText(row.cells[j], text));
    row.cells[1].classList.toggle("differs", versions.size > 1);
    row.title = Object.entries(one.metadata ?? {}).map(([key, value]) => `${key}: ${value}`).join("\n");
    row.cells[2].title = one.started ?? "";
  });
  const more = instances - listed.length;
  setText($(".more", service.table), instances === 0 ? "There is no instance any more."
    : more > 0 ? `${plural(more, "more instance")} not listed; what they do is counted.` : "");
  $(".more", service.table).hidden = more === 0 && instances > 0;
  $("table", service.table).hidden = instances === 0;
}

// ---- one endpoint

function open(endpoint) {
  if (opened) close();
  opened = endpoint;
  endpoint.detail = fromTemplate("t-detail");
  endpoint.node.append(endpoint.detail);
  endpoint.row.setAttribute("aria-expanded", "true");
  history.replaceState(null, "", "#" + encodeURIComponent(endpoint.key));
  showPlots(endpoint);
  loadDetail(endpoint);
}

function close() {
  opened.detail.remove();
  opened.detail = null;
  opened.row.setAttribute("aria-expanded", "false");
  opened = null;
  history.replaceState(null, "", location.pathname + location.search);
}

// openHash opens what the address names, once it is there.
function openHash() {
  let key = "";
  try { key = decodeURIComponent(location.hash.slice(1)); } catch { return; }
  if (opened) return;
  for (const service of shown.values()) {
    const endpoint = service.endpoints.get(key);
    if (endpoint) { open(endpoint); endpoint.node.scrollIntoView({ block: "nearest" }); }
  }
}

const choice = (options, chosen, choose) => make("span", { class: "choice", role: "group" }, ...options.map((text, i) =>
  make("button", { type: "button", "aria-pressed": String(i === chosen), onclick: () => choose(i) }, text)));

const versionsOf = (contract) => (contract.versions ?? []).join(", ") || plural(contract.instances, "instance");

async function loadDetail(endpoint, chosen = 0) {
  const { number, contracts } = endpoint.data;
  const contract = contracts[chosen] ?? { value: "" };
  const since = contracts.slice(chosen + 1).find((other) => other.value !== "")?.value ?? "";
  const ask = new URLSearchParams({ endpoint: number, digest: contract.value, since });
  const typed = $("textarea", endpoint.detail)?.dataset.typed ? $("textarea", endpoint.detail).value : null;
  let nodes;
  try {
    const answer = await getJSON("endpoint?" + ask);
    nodes = describe(endpoint, answer, chosen, typed);
  } catch (error) {
    nodes = [make("p", { class: "problem" }, error.message)];
  }
  if (opened === endpoint) $(".about", endpoint.detail).replaceChildren(...nodes);
}

const fact = (name, value, style = "") => (value ? make("div", {}, make("dt", {}, name), make("dd", { class: style }, value)) : null);

function describe(endpoint, answer, chosen, typed) {
  const { contract, snippets, changes = [] } = answer;
  const { contracts, queue_groups: groups, accepts } = endpoint.data;
  const nodes = [];
  if (contract?.description) nodes.push(make("p", { class: "words" }, contract.description));
  if (contract?.deprecated) nodes.push(make("p", { class: "deprecated" }, "Deprecated: " + contract.deprecated));
  if (contracts.length > 1) {
    nodes.push(make("div", {}, make("h3", {}, "Contracts differ between instances"),
      choice(contracts.map((c) => `${c.value ? "" : "no contract: "}${versionsOf(c)} × ${c.instances}`), chosen, async (i) => {
        await loadDetail(endpoint, i);
        if (opened === endpoint) $(".choice [aria-pressed=true]", endpoint.detail)?.focus();
      })));
  }
  if (changes.length > 0) {
    const older = contracts.slice(chosen + 1).find((c) => c.value !== "");
    nodes.push(make("div", {}, make("h3", {}, `Since ${older ? versionsOf(older) : "the other one"}`),
      make("ul", { class: "changes" }, ...changes.map((c) => make("li", {}, make("span", { class: "level " + c.level }, c.level),
        make("span", {}, `${c.path ? c.path + ": " : ""}${c.message}${c.rollout ? ` (${c.rollout}, hurts ${c.hurt})` : ""}`))))));
  }
  nodes.push(make("dl", { class: "facts" },
    fact("Queue group", groups.map((g) => g.value || "none").join(", ")),
    fact("Accepts", (contract?.content_types ?? []).join(", ") || accepts || "application/json"),
    fact("Timeout", contract?.timeout_ms ? duration(contract.timeout_ms / 1000).join(" ") : ""),
    fact("Idempotent", contract?.idempotent ? "yes" : ""),
    fact("Contract", contracts[chosen]?.value || "none announced", "digest")));
  if (answer.problem) nodes.push(make("p", { class: "problem" }, "Its contract cannot be shown: " + answer.problem));
  if (contract) {
    const [request, reply, ...errors] = contract.bodies;
    const examples = (of) => contract.examples.map((e) => e[of]).filter(Boolean)
      .flatMap((text) => [make("h3", {}, make("small", {}, "for example")), make("pre", { tabindex: "0" }, text)]);
    nodes.push(make("div", { class: "columns" }, make("div", {}, bodyNode(request), ...examples("request")),
      make("div", {}, bodyNode(reply), ...examples("reply"))));
    if (errors.length > 0) nodes.push(make("div", { class: "columns" }, ...errors.map(bodyNode)));
  }
  const last = make("div", { class: "columns" });
  if (snippets.length > 0) last.append(snippetsNode(snippets));
  if (status.calls) last.append(tryNode(endpoint, answer, typed));
  nodes.push(last);
  return nodes;
}

function bodyNode({ title, note, type, schema }) {
  return make("div", {}, make("h3", {}, title, note ? make("small", {}, note) : null), make("pre", { tabindex: "0" }, type),
    schema ? make("details", {}, make("summary", {}, "JSON Schema"), make("pre", { tabindex: "0" }, schema)) : null);
}

function snippetsNode(snippets) {
  const node = make("div", { class: "snippets" });
  const show = (chosen) => {
    const pre = make("pre", { tabindex: "0" }, snippets[chosen].text);
    const copy = make("button", { type: "button", onclick: () => copyText(pre, copy) }, "Copy");
    node.replaceChildren(make("h3", {}, "From a program", choice(snippets.map((s) => s.name), chosen, (i) => {
      show(i);
      $("[aria-pressed=true]", node).focus(); // the button that was pressed is another one now
    }), copy), pre);
  };
  show(0);
  return node;
}

// copyText does without the clipboard's own interface where that is not allowed: on a page without TLS, for one.
async function copyText(pre, button) {
  try {
    await navigator.clipboard.writeText(pre.textContent);
  } catch {
    getSelection().selectAllChildren(pre);
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function tryNode(endpoint, answer, typed) {
  const form = fromTemplate("t-try");
  const { subject, request } = form.elements;
  const output = $("output", form);
  const button = $("button", form);
  subject.value = endpoint.data.subject;
  $(".to", form).hidden = !/[*>]/.test(endpoint.data.subject);
  $(".body", form).hidden = answer.sample === "";
  request.value = typed ?? answer.sample;
  if (typed !== null) request.dataset.typed = "yes";
  request.addEventListener("input", () => { request.dataset.typed = "yes"; });
  if (!answer.json) {
    form.replaceChildren($("h3", form), make("p", { class: "words" }, "This endpoint does not take JSON, which is what the form sends."));
    return form;
  }
  const say = (...nodes) => output.replaceChildren(...nodes);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const order = { endpoint: endpoint.data.number, subject: subject.value };
    if (answer.sample !== "") {
      try { order.request = JSON.parse(request.value); } catch (error) {
        say(make("p", { class: "failed" }, "This is not JSON: " + error.message));
        return;
      }
    }
    // As it was typed: numbers that JavaScript would round stay as they are.
    const body = JSON.stringify({ ...order, request: undefined }).slice(0, -1) + (answer.sample === "" ? "}" : `,"request":${request.value}}`);
    button.disabled = true;
    try {
      const response = await fetch("call", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      const text = await response.text();
      say(...outcome(response, text));
    } catch (error) {
      say(make("p", { class: "failed" }, error.message));
    } finally {
      button.disabled = false;
    }
  });
  return form;
}

function outcome(response, text) {
  let answer = {};
  try { answer = JSON.parse(text); } catch { answer = { error: text || response.statusText }; }
  if (!response.ok) return [make("p", { class: "failed" }, answer.error)];
  const time = ` · ${duration(answer.took_ms / 1000).join(" ")}`;
  const body = answer.ok ? answer.reply : answer.error.value;
  const pre = body ? make("pre", { tabindex: "0" }, body) : null;
  if (answer.ok) return [make("p", {}, "Reply" + time), pre].filter(Boolean);
  const { tag, code, message } = answer.error;
  const name = tag ? `${tag} (${code}): ` : code ? `Code ${code}: ` : "";
  return [make("p", { class: "failed" }, name + message + time), pre].filter(Boolean);
}

// ---- whether it is right

let problem = "connecting"; // between this page and its program; empty if there is none

function showStatus() {
  const at = status ? new Date(status.at).toLocaleTimeString() : "";
  const notices = [];
  let words = "live", up = true;
  if (problem === "connecting") [words, up] = ["connecting", null];
  else if (problem) {
    [words, up] = ["lost", false];
    notices.push(`${problem} ${status ? `What is shown is as it was at ${at}.` : ""}`);
  } else if (status && status.link !== "up") {
    [words, up] = ["not connected", false];
    notices.push(status.link === "closed"
      ? `The connection to NATS is closed. What is shown is as it was at ${at}.`
      : `The connection to NATS is lost; it is being made again. What is shown is as it was at ${at}.`);
  }
  if (status?.problems.length) notices.push("What is shown is not complete: " + status.problems.join("; ") + ".");
  const link = $("#link");
  link.className = "link" + (up === null ? "" : up ? " up" : " down");
  setText($(".words", link), words);
  if (notices.join("\n") !== [...$("#notices").children].map((n) => n.textContent).join("\n")) {
    $("#notices").replaceChildren(...notices.map((text) => make("p", {}, text)));
  }
  if (status && services.length === 0) showServices();
}

function connect() {
  const source = new EventSource("stream");
  source.onopen = () => { problem = ""; showStatus(); };
  source.onmessage = (event) => { problem = ""; take(JSON.parse(event.data)); };
  source.onerror = () => {
    problem = "This page has lost its program, and tries again.";
    showStatus();
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
  };
}

setInterval(() => {
  if (problem === "" && status?.link === "up" && Date.now() - heardAt > 15000) {
    problem = "Nothing has come for a while.";
    showStatus();
  }
}, 5000);

$("#search").addEventListener("input", showServices);
$("#search").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.target.value = "";
  showServices();
});
$("#refresh").addEventListener("click", () => fetch("refresh", { method: "POST" }).catch(() => {}));
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
  event.preventDefault();
  $("#search").focus();
});
addEventListener("hashchange", openHash);
connect();
