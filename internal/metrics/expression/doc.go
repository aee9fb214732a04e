// Package expression reads what metrics are asked with. It asks nobody: a file can
// be judged by it before there is a server.
package expression
