// Every icon as one path in a 16×16 box, drawn with a round stroke.
export const ICONS = {
  check: "M3.5 8.5l3 3 6-7",
  clock: "M8 2a6 6 0 100 12A6 6 0 008 2zM8 5v3.2l2.2 1.6",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2v9.6L12.5 8z",
  rise: "M2.5 12.5h3.5V9h3.5V5.5H13V3",
  back: "M3 6.5h7a3.2 3.2 0 010 6.5H6M3 6.5L6 3.5M3 6.5l3 3",
  cross: "M4 4l8 8M12 4l-8 8",
  warn: "M8 2.2L14.3 13.3H1.7zM8 6.5v3M8 11.4v.1",
  blind: "M2 2l12 12M6.3 4.1A6.6 6.6 0 018 3.9c4 0 6.3 4.1 6.3 4.1a11 11 0 01-1.9 2.3M10.4 11.6a6 6 0 01-2.4.5C4 12.1 1.7 8 1.7 8a11 11 0 012.2-2.6",
  thin: "M3 11.5h1.5M7.2 11.5h1.6M11.5 11.5H13M3 8h1.5",
  next: "M3 8h9.5M9 4.5L12.5 8 9 11.5",
  skip: "M3.5 3.8v8.4L9.5 8zM12 3.8v8.4",
  stairs: "M2 13h3.5v-3.5H9V6h3.5V2.5",
  stamp: "M5.5 2.5h5l-1 5h-3zM3.5 10h9M3.5 13h9M8 7.5V10",
  plus: "M8 3.5v9M3.5 8h9",
  flag: "M4 14V2.5h8L10 5.5l2 3H4",
  report: "M2.5 3h11v7.5H8L5 13.5v-3H2.5zM8 5.2v2.2M8 8.8v.1",
  chevron: "M6 4l4 4-4 4",
  link: "M6.8 9.2a2.6 2.6 0 003.7 0l2-2a2.6 2.6 0 00-3.7-3.7l-.8.8M9.2 6.8a2.6 2.6 0 00-3.7 0l-2 2a2.6 2.6 0 003.7 3.7l.8-.8",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5.3a2.5 2.5 0 015 0v2.2",
  data: "M3 4.2c0-1 2.2-1.7 5-1.7s5 .7 5 1.7-2.2 1.7-5 1.7-5-.7-5-1.7zM3 4.2v7.6c0 1 2.2 1.7 5 1.7s5-.7 5-1.7V4.2M3 8c0 1 2.2 1.7 5 1.7S13 9 13 8",
  bell: "M4 11.5V7.3a4 4 0 018 0v4.2zM2.8 11.5h10.4M7 13.8h2",
  dot: "M8 6.8a1.2 1.2 0 100 2.4 1.2 1.2 0 000-2.4z",
} as const;

export type IconName = keyof typeof ICONS;
