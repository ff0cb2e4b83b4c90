// Browsers give a microphone to this machine's own addresses and to encrypted ones alone.

const lacking = element.querySelector(".lacking");
lacking.hidden = window.isSecureContext && Boolean(navigator.mediaDevices);
