// Package contract describes endpoints as documents, and compares them.
package contract
