// SPDX-License-Identifier: MIT
// The icons: lines on a grid of 24. They are decoration: a text beside them, or the label of the button, says what they mean.

const SHAPES = {
  start: '<path d="M4 11l8-7 8 7v8a1 1 0 01-1 1h-4v-6H9v6H5a1 1 0 01-1-1z"/>',
  collect:
    '<rect x="3" y="5" width="18" height="14" rx="2"/><circle cx="9" cy="10.5" r="1.6"/><path d="M4 18l5.5-4.5 3 2.5 3.5-4 5 5"/>',
  train: '<path d="M4 4v16h16"/><path d="M7 9c3 7 7 8 12 8"/>',
  look: '<circle cx="11" cy="11" r="6"/><path d="M20 20l-4.5-4.5"/>',
  try: '<path d="M7 5v14l12-7z"/>',
  deploy:
    '<rect x="7" y="7" width="10" height="10" rx="1.5"/><path d="M10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4"/>',
  take: '<path d="M12 4v11M7.5 11L12 15.5 16.5 11M4 20h16"/>',
  camera:
    '<path d="M4 8h3l2-3h6l2 3h3a1 1 0 011 1v9a1 1 0 01-1 1H4a1 1 0 01-1-1V9a1 1 0 011-1z"/><circle cx="12" cy="13" r="3.5"/>',
  file: '<path d="M12 16V5M7.5 9L12 4.5 16.5 9M4 20h16"/>',
  phone: '<rect x="7" y="3" width="10" height="18" rx="2"/><path d="M11 18h2"/>',
  plus: '<path d="M12 5v14M5 12h14"/>',
  close: '<path d="M6 6l12 12M18 6L6 18"/>',
  delete: '<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5"/>',
  undo: '<path d="M9 7L4 11l5 4M4 11h10a5 5 0 010 10h-3"/>',
  pause: '<path d="M9 5v14M15 5v14"/>',
  stop: '<rect x="6" y="6" width="12" height="12" rx="1"/>',
  folder: '<path d="M3 7a1 1 0 011-1h5l2 2h9a1 1 0 011 1v9a1 1 0 01-1 1H4a1 1 0 01-1-1z"/>',
  check: '<path d="M5 12.5l4.5 4.5L19 7"/>',
  warning: '<path d="M12 4l9 16H3zM12 10v4M12 17v.2"/>',
  doctor: '<path d="M3 12h4l2-6 4 12 3-8 1.5 2H21"/>',
};

/** Returns an icon as an element. */
export function icon(name) {
  const holder = document.createElement("template");
  holder.innerHTML = `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${SHAPES[name]}</svg>`;
  return holder.content.firstChild;
}
