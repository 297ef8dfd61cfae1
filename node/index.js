"use strict";
module.exports = require("./lib/spiral.js");
