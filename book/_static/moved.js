// An anchor of a lecture that was parted leads to where its section stands now (book/_ext/moved.py).
(() => {
  "use strict";
  const follow = () => {
    const moved = document.getElementById("moved"), anchor = decodeURIComponent(location.hash.slice(1));
    if (!moved || !anchor || document.getElementById(anchor)) return;
    const places = JSON.parse(moved.textContent);
    if (Object.hasOwn(places, anchor)) location.replace(places[anchor]);
  };
  addEventListener("hashchange", follow);
  follow();
})();
