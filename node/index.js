"use strict";
const { connect } = require("./lib/connect.js");
const { errorOf, invalid, cancelled, ...errors } = require("./lib/errors.js");
const { clientOf, ...handles } = require("./lib/spiral.js");

module.exports = { connect, ...handles, ...errors };
