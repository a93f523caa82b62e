// Starts the parts of the page, and tells how things stand with the service.

import { events, giveKey, retryNow } from "./api.js";
import * as batch from "./batch.js";
import { $ } from "./dom.js";
import * as model from "./model.js";
import * as single from "./single.js";
import * as trace from "./trace.js";

const BACK = 3_000; // ms for which the service's return is told

let told;

function tell(state, sentence) {
  clearTimeout(told);
  $("connection").dataset.state = state;
  $("connection-text").textContent = sentence;
}

events.addEventListener("trouble", ({ detail }) => tell("trouble", detail));
events.addEventListener("recovered", () => {
  tell("well", "The service answers again.");
  told = setTimeout(tell, BACK, "", "");
});
events.addEventListener("model", model.show);
events.addEventListener("key", ({ detail: refused }) => {
  $("key-text").textContent = refused ? "This API key is not taken." : "An API key is asked for.";
  $("key").hidden = false;
});

$("connection-retry").addEventListener("click", () => retryNow());
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  $("key").hidden = true;
  giveKey($("key-input").value.trim());
  $("key-input").value = "";
});

for (const part of [model, batch, trace, single]) part.start();
