import{e as a,f as b}from"./chunk-RIYEGLU2.js";import"./chunk-3OEIAZPV.js";import"./chunk-OOJM4CTU.js";export{b as decodeImageFrame,a as postProcessDecodedPixels};
