// Your page's service worker: the file that takes pushes while no page is open. It has to be on your page's own origin, at
// the top, and one line is enough.
importScripts("http://127.0.0.1:8000/widget/hub-sw.js");

// Whatever else your app does in the background goes below; pushes that are not the hub's are left to you.
