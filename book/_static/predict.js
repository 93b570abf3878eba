// Predict, then look: the reader chooses an answer, and the one under the figure opens. Without a script all is readable.
(() => {
  "use strict";
  const boxes = [...document.querySelectorAll(".bd-article .admonition.predict")];
  const answers = [...document.querySelectorAll(".bd-article details.answer")];
  const follows = (one, other) => Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);

  boxes.forEach((box, i) => {
    const list = box.querySelector("ol");
    if (!list) return;
    const answer = answers.find((each) => follows(box, each) && !(boxes[i + 1] && follows(boxes[i + 1], each)));
    const said = document.createElement("p");
    said.className = "predict-said";
    said.setAttribute("role", "status");
    const buttons = [...list.children].map((item, j) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "predict-answer";
      button.setAttribute("aria-pressed", "false");
      // A list item's paragraph is no content of a button.
      for (const part of [...item.childNodes]) button.append(...(part.nodeName === "P" ? part.childNodes : [part]));
      const letter = document.createElement("span");
      letter.className = "predict-letter";
      letter.textContent = String.fromCharCode(65 + j);
      button.prepend(letter, " ");
      item.replaceChildren(button);
      button.addEventListener("click", () => {
        for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
        said.textContent = `You expect ${letter.textContent}. Now look at the figure${answer ? ": the answer under it is open." : "."}`;
        if (answer) answer.open = true;
      });
      return button;
    });
    list.classList.add("predict-choices");
    list.setAttribute("role", "list");
    list.after(said);
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Predict, then look");
  });
})();
